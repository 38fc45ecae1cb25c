package files

// FollowNote is a note of all modules that work on files.
const FollowNote = "Links in the path, and with follow one at its end, " +
	"are followed if only root or the working account can have put them " +
	"there. A link that another account made or could replace is refused, unless it leads to what belongs to that same account."
