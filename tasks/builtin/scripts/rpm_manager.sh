# Leaves in m which of dnf and yum there is, the one that is wanted first, or nothing.
# takes: m
# leaves: m
[ "$m" != dnf ] || have dnf || { have yum && m=yum; }
[ "$m" != yum ] || have yum || { have dnf && m=dnf; }
have "$m" || m=
