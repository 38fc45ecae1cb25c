"""Searches with Python's re, one line of JSON in, one line out, for the test that compares ours with it."""
import json
import re
import signal
import sys
import warnings



class Late(Exception):
    """The expression goes back and forth for too long."""


def late(*_):
    raise Late('too long')


warnings.simplefilter('ignore')
signal.signal(signal.SIGALRM, late)
for line in sys.stdin:
    asked = json.loads(line)
    flags = re.I * asked['IgnoreCase'] | re.M * asked['MultiLine']
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        expression = re.compile(asked['Expression'], flags)
        found = [[list(m.span(g)) for g in range(expression.groups + 1)] for m in expression.finditer(asked['Text'])]
        first = expression.match(asked['Text'])
        answer = {'Found': found, 'Match': list(first.span()) if first else None}
        try:
            answer['Text'], answer['Count'] = expression.subn(asked['Replacement'], asked['Text'], count=asked['Limit'])
        except (re.error, IndexError) as problem:
            answer['Bad'] = str(problem)
    except (re.error, OverflowError, Late) as problem:
        answer = {'Error': str(problem)}
    print(json.dumps(answer))
