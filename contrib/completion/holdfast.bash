# bash completion for holdfast: the program itself says what fits, from the same tables as its help.
_holdfast() {
    local line files=0 IFS=$'\n'
    # With ':' among the word breaks a view path would be taken apart.
    local words cword cur
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n := words cword cur
    else
        words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]}
    fi
    COMPREPLY=()
    while read -r line; do
        if [ "$line" = :files ]; then files=1; else COMPREPLY+=("$(printf '%q' "$line")"); fi
    done < <("${words[0]}" __complete -- "${words[@]:1:cword}" 2>/dev/null)
    if [ $files = 1 ]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    elif [ ${#COMPREPLY[@]} = 1 ] && [ "${COMPREPLY[0]%/}" != "${COMPREPLY[0]}" ]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _holdfast holdfast
