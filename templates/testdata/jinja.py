"""Renders templates with Jinja2, one line of JSON in, one line out, for the tests that compare ours with it.

The first line that it writes is the version of Jinja2. Undefined variables, None,
what is alone and keeps its type, tuples, and the newlines at the end are treated as
ansible-core 2.19 treats them.
"""
import json
import sys
import warnings

import jinja2
import jinja2.nativetypes


class Undefined(jinja2.StrictUndefined):
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return self

    def __getitem__(self, key):
        return self


def listed(node):
    """A tuple is printed as a list."""
    if isinstance(node, (list, tuple)) and not isinstance(node, str):
        return [listed(item) for item in node]
    if type(node) is dict:
        return {key: listed(item) for key, item in node.items()}
    return node


def concat(nodes):
    """One thing alone keeps its type, None counts for nothing."""
    nodes = [node for node in nodes if node is not None]
    if len(nodes) < 2:
        return nodes[0] if nodes else None
    return ''.join([str(listed(node)) for node in nodes])


class Generator(jinja2.nativetypes.NativeCodeGenerator):
    def _output_const_repr(self, group):
        return repr(concat(group))


class Environment(jinja2.nativetypes.NativeEnvironment):
    concat = staticmethod(concat)
    code_generator_class = Generator


class Template(jinja2.nativetypes.NativeTemplate):
    environment_class = Environment


Environment.template_class = Template


def newlines(text):
    return len(text) - len(text.rstrip('\n'))


warnings.simplefilter('ignore')  # of the code that Jinja2 makes of a template
environments = {}


def environment(options):
    key = json.dumps(options, sort_keys=True)
    if key not in environments:
        environments[key] = Environment(undefined=Undefined, optimized=False, cache_size=0, **options)
    return environments[key]


print(json.dumps(jinja2.__version__), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    try:
        template = environment(asked['options']).from_string(asked['template'])
        text = concat(template.root_render_func(template.new_context(asked['variables'])))
        if isinstance(text, str):
            text += environment(asked['options']).newline_sequence * (newlines(asked['template']) - newlines(text))
        answer = {'text': '' if text is None else str(text)}
        answer['text'].encode()
    except Exception as problem:
        answer = {'error': '%s: %s' % (type(problem).__name__, str(problem).split('\n')[0][:300])}
    print(json.dumps(answer))
