package inventory

// Reread reads the sources anew. What AddHost and AddGroup made is there afterwards as well; what the sources have no more is gone,
// and a Host from before knows what it knew. After an error everything is as it was.
func (i *Inventory) Reread() error {
	fresh, err := LoadWith(i.options, i.sources)
	if err != nil {
		return err
	}
	i.mutex.Lock()
	dirs := i.playbookDirs
	i.mutex.Unlock()
	for _, dir := range dirs {
		if err := fresh.AddPlaybookDir(dir); err != nil {
			return err
		}
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.hosts, i.byName, i.groups, i.byGroup = fresh.hosts, fresh.byName, fresh.groups, fresh.byGroup
	i.sourceDirs, i.varsFiles, i.encrypted = fresh.sourceDirs, fresh.varsFiles, fresh.encrypted
	i.localhost = map[string]*Host{}
	for _, h := range i.hosts {
		h.inventory = i
	}
	for _, add := range i.added {
		add()
	}
	return nil
}
