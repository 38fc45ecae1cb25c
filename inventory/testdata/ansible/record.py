#!/usr/bin/python3
"""Records what Ansible makes of these files, into recorded.json. Run by hand; the tests read only the result."""
import json, os
from ansible.parsing.dataloader import DataLoader
from ansible.inventory.manager import InventoryManager
from ansible.vars.manager import VariableManager
from ansible import context
from ansible.module_utils.common.collections import ImmutableDict
context.CLIARGS = ImmutableDict(basedir=None)
os.chdir(os.path.dirname(os.path.abspath(__file__)))
loader = DataLoader()
inventory = InventoryManager(loader=loader, sources=[os.path.abspath(s) for s in ('hosts.ini', 'more.yml')])
loader.set_basedir(os.path.abspath('play'))
manager = VariableManager(loader=loader, inventory=inventory)
magic = {'inventory_file', 'inventory_dir', 'ansible_playbook_python', 'groups', 'omit', 'ansible_version', 'playbook_dir', 'hostvars', 'environment', 'vars', 'ansible_play_hosts', 'play_hosts', 'ansible_check_mode', 'ansible_diff_mode', 'ansible_forks', 'ansible_inventory_sources', 'ansible_skip_tags', 'ansible_run_tags', 'ansible_verbosity', 'ansible_facts', 'ansible_config_file'}
patterns = '''all * db db:&web all:!db db[0] db[-1] db[1:2] db[1:] db[0:0] db* ~db-.* ~(web|plain)1 web,db[0] !web &web top:!db0* *.example.com ungrouped
db:web web:db db0? db0[!1] plain1 plain1,plain2 all[2] all[2:3] top:&~.*1$ localhost'''.split()
record = {'hosts': {h.name: {k: v for k, v in manager.get_vars(host=h).items() if k not in magic} for h in inventory.get_hosts()},
          'order': [h.name for h in inventory.get_hosts()], 'groups': inventory.get_groups_dict(),
          'patterns': [[p, [h.name for h in inventory.get_hosts(p)]] for p in patterns]}
json.dump(record, open('recorded.json', 'w'), indent=1, sort_keys=True)
