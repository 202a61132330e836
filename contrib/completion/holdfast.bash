# bash completion for holdfast: the program itself says what fits, from the same tables as its help.

# COMP_WORDS are cut at ':' and '=' too; here are the words as the shell would pass them.
_holdfast_words() {
    local rest=$COMP_LINE gap word i
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        gap=${rest%%[![:space:]]*}
        rest=${rest#"$gap"}
        rest=${rest#"$word"}
        if [[ -z $gap && i -gt 0 ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
    done
    # A cursor behind a blank begins a word.
    [[ -n $word || ${COMP_LINE:COMP_POINT-1:1} != [[:space:]] ]] || words[${#words[@]} - 1]=
}

# Without its quotes; an open one is fine. Nothing is expanded.
_holdfast_bare() {
    local word=$1 quote= c i
    bare=
    for ((i = 0; i < ${#word}; i++)); do
        c=${word:i:1}
        if [[ $c == "$quote" ]]; then
            quote=
        elif [[ -z $quote && $c == [\'\"] ]]; then
            quote=$c
        elif [[ $c == \\ && $quote != \' ]]; then
            ((++i))
            bare+=${word:i:1}
        else
            bare+=$c
        fi
    done
}

_holdfast() {
    local words bare candidate typed all=() files=0 i
    _holdfast_words
    for ((i = 1; i < ${#words[@]}; i++)); do
        _holdfast_bare "${words[i]}"
        all+=("$bare")
    done
    typed=${words[${#words[@]} - 1]}
    # readline replaces what stands behind the last of its word breaks only.
    local kept=${typed%"${COMP_WORDS[COMP_CWORD]}"}
    [[ ${COMP_WORDS[COMP_CWORD]} != [:=] ]] || kept=$typed
    COMPREPLY=()
    while IFS= read -r candidate; do
        if [[ $candidate == :files ]]; then
            files=1
        elif [[ $typed == [\'\"]* ]]; then
            COMPREPLY+=("$candidate")
        else
            printf -v candidate %q "$candidate"
            COMPREPLY+=("${candidate#"$kept"}")
        fi
    done < <("${words[0]}" __complete -- "${all[@]}" 2>/dev/null)
    if [[ $files == 1 ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$bare")
    elif [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _holdfast holdfast
