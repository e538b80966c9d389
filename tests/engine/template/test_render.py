# ruff: noqa: E501 (templates are easier to read on one line)
import time

import pytest
from transformers import AutoTokenizer

from engine.template.choose import choose_template, named_template, named_templates
from engine.template.render import ChatTemplate, TemplateError, render

TURNS = [
    {"role": "system", "content": "Be brief. "},
    {"role": "user", "content": " Hi\n"},
    {"role": "assistant", "content": "<think>\nHm.\n</think>\n\nHello.", "weight": None},
]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "add",
            "description": "é & <b>",
            "parameters": {"type": "object", "properties": {"x": {}}},
        },
    }
]
TEMPLATES = {
    "messages": "{% for m in messages %}\n  {% if loop.last %}\n[{{ m.role }}|{{ m['content'] | trim }}]\n  {% endif %}\n{% endfor %}",
    "tokens": "{{ bos_token }}{{ eos_token }}{{ pad_token }}{{ unk_token }}{{ add_generation_prompt }}{{ documents }}",
    "tools": "{{ tools | tojson }}{{ tools | tojson(indent=2) }}{% if tools is none %}none{% endif %}",
    "generation": "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}",
    "loops": "{% for m in messages %}{% if loop.index0 == 1 %}{% continue %}{% endif %}{{ loop.length }}{{ loop.last }}"
    "{{ loop.nextitem.role if loop.nextitem is defined }}{{ loop.previtem.role if loop.previtem is defined }}{% endfor %}",
    "namespace": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + m.content|length %}{% endfor %}{{ ns.n }}",
    "macro": "{% macro turn(m) -%}\n <{{ m.role ~ ':' ~ m.content }}> \n{%- endmacro %}{% for m in messages[::-1] %}{{ turn(m) }}{% endfor %}",
    "nulls": "{% for m in messages %}{{ m.weight is defined }}{{ m.content.split('</think>')[-1].lstrip('\\n') }}{% endfor %}",
    "strings": "{{ 'a' * 3 + 'b' }}{{ '%s-%d' % ('x', 3) }}{{ 'x'.join(['1', '2']) }}{{ 'aXa'.replace('X', '--') }}{{ 7 % 3 }}",
    "recursive": "{% for x in [[1, [2]], [3]] recursive %}{{ loop(x) if x is not number else x }}{% endfor %}",
    "date": "{{ strftime_now('%Y') | length }}",
    "dict": "{% set d = dict(a=1) %}{{ d.items() | list }}{{ dict.fromkeys(['k'], 2) }}",
    "filters": "{{ messages | map(attribute='role') | join(', ') }}{{ messages | selectattr('role', 'equalto', 'user') | list | length }}",
}


def through(tokenizer, source, **options):
    return tokenizer.apply_chat_template(TURNS, chat_template=source, tokenize=False, **options)


def ours(tokenizer, source, **options):
    known = {
        name: value for name, value in tokenizer.special_tokens_map.items() if name not in ("bos_token", "eos_token")
    }
    return render(
        ChatTemplate("test", source, "test"),
        TURNS,
        bos_token=tokenizer.bos_token,
        eos_token=tokenizer.eos_token,
        extra=known,
        **options,
    )


@pytest.fixture(scope="module")
def tokenizer(byte_tokenizer):
    return AutoTokenizer.from_pretrained(byte_tokenizer)


@pytest.mark.parametrize("tools", [None, TOOLS], ids=["no-tools", "tools"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_renders_as_transformers_does(tokenizer, name, tools):
    for prompting in (False, True):
        options = {"tools": tools, "add_generation_prompt": prompting}
        assert ours(tokenizer, TEMPLATES[name], **options) == through(tokenizer, TEMPLATES[name], **options)


@pytest.mark.parametrize("name", named_templates())
def test_named_templates_render_as_transformers_renders_them(tokenizer, name):
    source = named_template(name).source

    def outcome(call, **options):
        try:
            return call(tokenizer, source, **options)
        except Exception as error:
            return getattr(error, "what", str(error))

    for prompting in (False, True):
        expected = outcome(through, add_generation_prompt=prompting)
        assert outcome(ours, add_generation_prompt=prompting) == expected


def test_the_templates_own_words_and_line_are_said():
    source = "{% if true %}\n\n{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    with pytest.raises(TemplateError) as caught:
        render(ChatTemplate("x", source, "the tokenizer's chat template"), TURNS, bos_token=None, eos_token=None)
    assert caught.value.what == "Conversation roles must alternate"
    assert caught.value.where == "the tokenizer's chat template, line 3"


def test_a_syntax_error_says_its_line():
    with pytest.raises(TemplateError, match="not valid Jinja") as caught:
        render(ChatTemplate("x", "a\n{% for %}", "chat_template_jinja"), TURNS, bos_token=None, eos_token=None)
    assert caught.value.where == "chat_template_jinja, line 2"


HOSTILE = {
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "loops-without-calls": "{% set r = range(99999) %}{% for a in r %}{% for b in r %}{% for c in r %}{% endfor %}{% endfor %}{% endfor %}",
    "recursion": "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "repetition": "{{ 'a' * 10**12 }}",
    "power": "{{ 99999 ** 99999 }}",
    "percent": "{{ '%99999999999d' % 3 }}",
    "format": "{{ '{:>99999999999}'.format('a') }}",
    "center": "{{ 'a' | center(99999999999) }}",
    "doubling": "{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "doubling-lists": "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "replace": "{% set s = 'a' * 100000 %}{{ s.replace('a', s) }}",
    "replace-filter": "{% set s = 'a' * 100000 %}{{ s | replace('a', s) }}",
    "join": "{% set s = 'a' * 10000000 %}{{ s.join(['b'] * 100000) }}",
    "include": "{% include '/etc/passwd' %}",
    "mutate": "{{ messages.append(1) }}",
    "class": "{{ messages.__class__.__mro__[1].__subclasses__() }}",
    "globals": "{{ cycler.__init__.__globals__.os }}",
    "underscore": "{% set ns = namespace(_x=1) %}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_templates_cost_an_error(name):
    start = time.monotonic()
    with pytest.raises(TemplateError):
        render(ChatTemplate("x", HOSTILE[name], "hostile"), TURNS, bos_token=None, eos_token=None)
    assert time.monotonic() - start < 15


def test_a_rows_arguments_reach_the_template_but_cannot_steer_the_call():
    template = ChatTemplate("x", "{{ enable_thinking }}", "x")
    tokens = {"bos_token": None, "eos_token": None}
    assert render(template, TURNS, **tokens, extra={"enable_thinking": False}) == "False"
    for name in ("chat_template", "tokenize", "messages"):
        with pytest.raises(TemplateError, match=name):
            render(template, TURNS, **tokens, extra={name: "x"})


class Keys:
    """A preset or data set as far as templates are concerned."""

    def __init__(self, chat_template=None, chat_template_jinja=None):
        self.chat_template, self.chat_template_jinja = chat_template, chat_template_jinja


def chosen(preset=None, dataset=None, own="OWN"):
    return choose_template(preset or Keys(), dataset or Keys(), own)


def test_which_template_is_meant(tmp_path):
    assert chosen().source == "OWN"
    assert chosen(Keys("tokenizer_default")).source == "OWN"
    assert chosen(Keys("tokenizer_default_fallback_chatml")).source == "OWN"
    assert chosen(Keys("tokenizer_default_fallback_chatml"), own=None).name == "chatml"
    assert chosen(Keys("chatml")).name == "chatml"
    assert chosen(Keys("chatml"), Keys("llama3")).name == "llama3"
    assert chosen(Keys("jinja", "{{ 1 }}")).source == "{{ 1 }}"
    assert chosen(Keys(None, "{{ 2 }}")).source == "{{ 2 }}"
    file = tmp_path / "mine.jinja"
    file.write_text("{{ 3 }}", encoding="utf-8")
    assert chosen(Keys("jinja", str(file))).source == "{{ 3 }}"


@pytest.mark.parametrize(
    ("preset", "own", "said"),
    [
        (Keys(), None, "no chat template"),
        (Keys("no_such"), "OWN", "no chat template named 'no_such'"),
        (Keys("jinja"), "OWN", "needs the template itself"),
        (Keys("jinja", "{% if %}"), "OWN", "not valid Jinja"),
    ],
)
def test_a_template_that_cannot_be_had_says_so(preset, own, said):
    with pytest.raises(TemplateError, match=said):
        chosen(preset, own=own)
