# Answers whether there is a program, and by its name: whether it has the rule that the line check asks for, and the chain that the
# line list lists, with its policy. A line that is empty asks for nothing.
# uses: preamble encode
# takes: program check list
have "$program" || exit 0
echo "have $program"
denied() { printf %s "$1" | encode denied; exit 0; }
if [ -n "$check" ]; then
	said=$(eval "$check" 2>&1)
	case $? in 0) echo "rule $program" ;; 3|4) denied "$said" ;; esac
fi
if [ -n "$list" ]; then
	said=$(eval "$list" 2>&1)
	case $? in
	0)
		echo "chain $program"
		printf '%s\n' "$said" | sed -n "1s/^Chain .*(policy \([A-Z]*\).*/policy $program \1/p"
		;;
	3|4) denied "$said" ;;
	esac
fi
exit 0
