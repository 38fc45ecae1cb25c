#!/usr/bin/python3
"""Records what PyYAML's CSafeDumper makes of values, as Ansible's to_yaml and to_nice_yaml call it, into yaml.jsonl.

Run by hand; the tests read only the result. Each line: the filter's arguments, the value, the text.
"""
import json, os, random
import yaml

here = os.path.dirname(os.path.abspath(__file__))
random.seed(20261128)
WORDS = ['word', 'x', 'a: b', 'a #b', '- x', '-x', '?x', ':x', 'x:', '#c', '@x', '*x', '&x', '!x', '%x', '{x', '[x', 'x]', 'x,y', "it's",
         '"q"', 'yes', 'no', '~', 'null', '1', '0x1f', '1e3', '1.5', '2024-01-02', '', ' ', '  ', '\n', '\n\n', '\t', '\r', 'größe', 'é',
         '\u00a0', '\u2028', '\x07', '\\', '|', '>', '---', '...', '=', '<<', 'http://example.com/a/b?c=d&e=f', '😀', '\x85', '\ufeff']

def text():
    kind = random.random()
    if kind < .3:
        return random.choice(WORDS)
    if kind < .6:
        return ' '.join(random.choice(WORDS[:22]) for _ in range(random.randint(1, 40)))
    if kind < .75:
        return 'word ' * random.randint(10, 50) + random.choice(WORDS)
    if kind < .85:
        return '\n'.join(random.choice(WORDS[:6]) for _ in range(random.randint(1, 6))) + random.choice(['', '\n', '\n\n', ' '])
    return ''.join(random.choice(WORDS + [' ', ' ']) for _ in range(random.randint(1, 30)))

def value(depth):
    kind = random.random()
    if depth < 4 and kind < .25 + .3 * (depth == 0):
        return {(text() if random.random() < .1 else 'k%d' % i if random.random() < .7 else random.choice(WORDS)) if random.random() > .03 else 'long ' * 30 + str(i):
                value(depth + 1) for i in range(random.randint(0, 5))}
    if depth < 4 and kind < .5 + .3 * (depth == 0):
        return [value(depth + 1) for _ in range(random.randint(0, 5))]
    return random.choice([text, text, text, lambda: random.randint(-5, 10**6), lambda: True, lambda: None, lambda: 1.5])()

class Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data):
        return True

with open(here + '/yaml.jsonl', 'w') as out:
    for i in range(700):
        v = value(0) if i % 10 else text()
        o = {'sort_keys': random.random() < .5, 'default_flow_style': None}
        if random.random() < .5:
            o['default_flow_style'] = random.random() < .4
        if random.random() < .6:
            o['indent'] = random.choice([1, 2, 4, 4, 4, 8, 12])
        if random.random() < .2:
            o['width'] = random.choice([-1, 0, 10, 20, 40, 120, 1000])
        if random.random() < .1:
            o['explicit_start'] = True
        want = yaml.dump(v, Dumper=Dumper, allow_unicode=True, **o)
        if '\x00' in json.dumps(v):
            continue
        out.write(json.dumps({'options': o, 'value': v, 'want': want}) + '\n')
