"""Random words: a configuration comes out, or one ConfigError; never anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import fingerprint, flatten, objective
from pipeline.config.compose import compose
from pipeline.config.help import groups
from pipeline.config.keys import all_keys
from pipeline.config.text import dump, load
from pipeline.core.errors import ConfigError

KEYS = [*all_keys(), *groups(), "hydra.run.dir", "hydra.job.chdir", "nonsense", "data.nonsense", ""]
CHOICES = [f"{group}={option.name}" for group, options in groups().items() for option in options]
NASTY = [
    "", "null", "???", "${seed}", "${data.name}",
    "${oc.env:HOME}", "${nope}", "${", "}", "[]", "[[]]", "[[1,2],[3]]",
    "{}", "{a:1}", "[1,",
    "'", '"', "\\", "a,b", "a=b", "-1", "0", "1", "2", "1e-3", "1e400", "nan", "inf", "0x10",
    "08", "true", "no",
    "adam", "robust", "[robust]", "[0.1]", "[a,a]", "choice(1,2)", "range(1,3)", "_target_",
    "{_target_: os.system}",
    "!!python/object:os.system", "9" * 400, "\u0000", "ä", " ", "#", "$x", "val_auc:max",
]  # fmt: skip
PREFIXES = ["", "", "", "+", "++", "~"]

WORDS = st.one_of(
    st.sampled_from(CHOICES),
    st.builds(
        "{}{}={}".format,
        st.sampled_from(PREFIXES),
        st.sampled_from(KEYS),
        st.one_of(
            st.sampled_from(NASTY),
            st.integers(-3, 300).map(str),
            st.floats().map(str),
            st.text(max_size=8),
        ),
    ),
    st.text(max_size=12),
)


@pytest.mark.fuzz
@given(st.lists(WORDS, max_size=4))
def test_any_words_make_a_configuration_or_one_message(words):
    """And what is made survives all that is done with a configuration."""
    try:
        config = compose(words)
    except ConfigError as error:
        assert str(error).strip()  # noqa: PT017 - one of two right outcomes
        return
    assert fingerprint(load(dump(config))) == fingerprint(config)
    assert len(fingerprint(config)) == 16
    assert flatten(config)["data.name"]
    assert objective(config).metric.startswith("val_")
