"""Renders templates with Jinja2, one line of JSON in, one line out, for the tests that compare ours with it.

The first line that it writes is the version of Jinja2. Undefined variables, None
and the newlines at the end are treated as Ansible treats them.
"""
import json
import re
import sys

import jinja2


class Undefined(jinja2.StrictUndefined):
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return self

    def __getitem__(self, key):
        return self


def finalize(value):
    return '' if value is None else value


def newlines(text):
    text = re.sub('\r\n|\r', '\n', text)
    return len(text) - len(text.rstrip('\n'))


environments = {}


def environment(options):
    key = json.dumps(options, sort_keys=True)
    if key not in environments:
        environments[key] = jinja2.Environment(undefined=Undefined, finalize=finalize, cache_size=0, **options)
    return environments[key]


print(json.dumps(jinja2.__version__), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    try:
        template = environment(asked['options']).from_string(asked['template'])
        text = template.render(**asked['variables'])
        answer = {'text': text + environment(asked['options']).newline_sequence * (newlines(asked['template']) - newlines(text))}
        answer['text'].encode()
    except Exception as problem:
        answer = {'error': '%s: %s' % (type(problem).__name__, str(problem).split('\n')[0][:300])}
    print(json.dumps(answer))
