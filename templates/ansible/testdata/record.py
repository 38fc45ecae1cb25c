#!/usr/bin/python3
"""Records what Ansible makes of templates.txt with vars.yml, into ansible.json.

Run by hand where ansible-core 2.14 is installed; the tests read only the result. A template that is
one {{ expression }} is evaluated to a value with its type, others to text. The sign for a newline in
templates.txt is U+23CE.
"""
import json, os, re, sys
os.environ['ANSIBLE_JINJA2_NATIVE'] = '1'
import jinja2
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
import ansible.template as module

here = os.path.dirname(os.path.abspath(__file__))
variables = yaml.safe_load(open(here + '/vars.yml'))
single = re.compile(r'^\{\{((?!\}\}|\{\{|\{%).)*\}\}$', re.S)

@jinja2.pass_context
def value_of(context, value):
    """Keeps Jinja2 from folding constants into text."""
    if isinstance(value, jinja2.Undefined):
        str(value)
    return value

def concat(nodes):
    nodes = list(nodes)
    if len(nodes) == 1 and single_now:
        return nodes[0]
    return ''.join(str(n) for n in nodes)

records = []
for line in open(here + '/templates.txt', encoding='utf-8').read().splitlines():
    template = line.replace('\u23ce', '\n')
    single_now = bool(single.match(template))
    templar = Templar(loader=DataLoader(), variables=variables)
    templar.environment.keep_trailing_newline = True
    templar.environment.trim_blocks = not single_now
    templar.environment.__class__.concat = staticmethod(concat)
    templar.environment.filters['value_of'] = value_of
    record = {'template': template}
    try:
        if single_now and template[2:-2].strip():
            template = '{{ (' + template[2:-2].strip('-+') + ') | value_of }}'
        value = templar.do_template(template, preserve_trailing_newlines=True, escape_backslashes=False, convert_data=False, disable_lookups=False, fail_on_undefined=True)
        if hasattr(value, '__next__') or isinstance(value, (range, type({}.keys()), type({}.values()), type({}.items()))):
            value = list(value)
        json.dumps(value)
        record['want'] = value
    except Exception as e:
        record['error'] = str(e).split('\n')[0][:160]
    records.append(record)
json.dump(records, open(here + '/ansible.json', 'w'), indent=1, ensure_ascii=False)
