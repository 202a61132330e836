# fish completion for holdfast: the program itself says what fits, from the same tables as its help.
function __holdfast_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l candidates ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    if test "$candidates[1]" = :files
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $candidates
    end
end
complete -c holdfast -f -a '(__holdfast_complete)'
