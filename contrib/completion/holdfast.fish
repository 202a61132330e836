# fish completion for holdfast: the program itself says what fits, from the same tables as its help.
function __holdfast_complete
    set -l words (commandline -opc)
    # The last word without its quotes; an open one is fine.
    set -l typed (commandline -ct)
    set -l last (string unescape -- $typed)
    test (count $last) = 1; or set last (string trim --left --chars='"\'' -- "$typed")
    set -l candidates ($words[1] __complete -- $words[2..-1] "$last" 2>/dev/null)
    if test "$candidates[1]" = :files
        __fish_complete_path "$last"
    else
        printf '%s\n' $candidates
    end
end
complete -c holdfast -f -a '(__holdfast_complete)'
