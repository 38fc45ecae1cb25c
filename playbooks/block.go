package playbooks

import "gopkg.in/yaml.v3"

// block reads block, rescue and always.
func (l *loader) block(c *scope, n *yaml.Node, es []entry) Node {
	f := c.file
	b := &Block{}
	b.Pos = f.at(n)
	if c.handler {
		l.fail(f.at(n), 1, "notify several handlers by a topic: listen", "a block cannot be a handler")
		return nil
	}
	var lists [3]*entry
	for _, e := range es {
		switch e.key {
		case "block":
			lists[0] = &e
		case "rescue":
			lists[1] = &e
		case "always":
			lists[2] = &e
		case "notify":
			b.Notify = l.texts(f, e)
		default:
			if _, _, ok := l.moduleNamed(e.key); ok && keywords[e.key].on == 0 {
				l.fail(f.at(e.at), len([]rune(e.key)), "put it into a task of the block", "a block has tasks and no module of its own")
				continue
			}
			if l.keyword(f, e, onBlock) {
				l.common(c, e, &b.Common)
			}
		}
	}
	if lists[0] == nil {
		l.fail(f.at(n), 1, "", "rescue and always belong to a block")
	}
	inner := c.with(&b.Common)
	for i, into := range []*[]Node{&b.Block, &b.Rescue, &b.Always} {
		if lists[i] != nil {
			in := *inner
			in.maybe = in.maybe || lists[i].key == "rescue" // which only a failure reaches
			in.tolerant = in.tolerant || lists[i].key == "block" && lists[1] != nil
			*into = l.nodes(&in, lists[i].value, lists[i].key)
		}
	}
	return b
}
