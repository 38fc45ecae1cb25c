# Completion of polarbook for fish. In ~/.config/fish/completions/polarbook.fish, or: polarbook completion fish | source
function __polarbook_complete
    set -l tokens (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~/' "$HOME/" -- $tokens[1])
    set -l word (string unescape -- $current)
    or set word (string unescape -- (string trim -l -c '\'"' -- $current))
    set -l lines ($program __complete fish $tokens[2..-1] "$word" 2>/dev/null)
    switch "$lines[1]"
        case files directories
            set -l before (string match -r '^--[^=]*=' -- $current)
            set -l rest (string replace -r '^--[^=]*=' '' -- $current)
            for path in (__fish_complete_path "$rest")
                if test "$lines[1]" = files; or string match -qr '/(\t|$)' -- $path
                    printf '%s\n' "$before$path"
                end
            end
    end
    test (count $lines) -gt 1
    and printf '%s\n' $lines[2..-1]
end
complete -c polarbook -f -a '(__polarbook_complete)'
