"""The verb `completion`."""

from __future__ import annotations

from smart_nets.cli.verbs import VERBS, read_verb

SCRIPT = """_smart_nets() {{
    local words="{verbs}" verb="${{COMP_WORDS[1]}}"
    [ "$verb" = zoo ] && verb="zoo ${{COMP_WORDS[2]}}"
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}")); return
    fi
    case "$verb" in
{cases}
    esac
    case "${{COMP_WORDS[COMP_CWORD]}}" in
        -*) COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"));;
    esac
}}
complete -o default -F _smart_nets smart-nets"""


def completion() -> str:
    """What a shell needs to complete verbs and names: eval "$(smart-nets completion)" in .bashrc (zsh: bashcompinit first)."""
    cases = []
    for name in VERBS:
        flags = " ".join(one.flag for one in read_verb(name).arguments if not one.many)
        cases.append(f'        "{name}") words="{flags} --help";;')
    return SCRIPT.format(verbs=" ".join(dict.fromkeys(name.split()[0] for name in VERBS)), cases="\n".join(cases))
