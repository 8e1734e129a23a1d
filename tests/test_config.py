"""Settings of a run: defaults, then a recipe, then single values; every recipe that ships is read."""

import dataclasses

import pytest

from tracets.config import RECIPES, DataConfig, Settings, load_settings, recipe_file
from tracets.errors import ConfigError, NotFound


def test_nothing_given_is_the_defaults():
    assert load_settings() == Settings()


def test_defaults_then_recipe_then_single_values(tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[optim]\nbatch_size = 7\nmax_minutes = 3\n[model.series]\npatch = 24\n[align]\nhard_last = 5\n")
    settings = load_settings(str(recipe), assignments=["optim.batch_size=9", "align.hard_last=none"])
    defaults = Settings()
    assert settings.optim == dataclasses.replace(defaults.optim, batch_size=9, max_minutes=3.0)
    assert settings.model.series == dataclasses.replace(defaults.model.series, patch=24)
    assert settings.align.hard_last is None and settings.pretrain == defaults.pretrain


def test_the_last_of_two_values_counts():
    assert load_settings(assignments=["model.dim=32", "model.dim=64"]).model.dim == 64


@pytest.mark.parametrize("name", sorted(p.stem for p in RECIPES.glob("*.toml")))
def test_every_shipped_recipe_is_read_and_names_its_data(name):
    settings = load_settings(name)
    # "tune" is for a corpus that is given
    assert bool(settings.data.weather or settings.data.generated) == (name != "tune")
    assert settings.optim.max_minutes or settings.optim.max_steps
    assert recipe_file(name) == RECIPES / f"{name}.toml"


def test_the_recipe_of_the_model_that_ships_is_there():
    assert recipe_file("base").is_file()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[optim]\nbatchsize = 3", "unknown setting 'optim.batchsize'; did you mean 'optim.batch_size'?"),
        ("[optimm]\n", "unknown setting 'optimm'; did you mean 'optim'?"),
        ("[model.series]\npatches = 3", "unknown setting 'model.series.patches'; did you mean 'model.series.patch'?"),
        ("[optim]\nbatch_size = 'many'", "optim.batch_size must be of type int, got 'many'"),
        ("[optim]\nbatch_size = true", "optim.batch_size must be of type int, got True"),
        (
            "[model.series]\nattention = 'none'",
            "model.series.attention must be one of 'biased', 'full', 'causal', 'block', got 'none'",
        ),
        ("optim = 3", "'optim' must be a table of settings, got 3"),
        ("[pretrain]\nshare = 2.0", "pretrain.share must be in [0, 1)"),
        ("[optim]\nbatch_size = ", "is not TOML"),
        ("[data]\nmixed = -1", "data.mixed, generated and drills must be at least 0"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(tmp_path, text, message):
    recipe = tmp_path / "wrong.toml"
    recipe.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_settings(str(recipe))
    assert message in str(error.value)


def test_a_recipe_that_is_no_text_names_the_file(tmp_path):
    recipe = tmp_path / "wrong.toml"
    recipe.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="wrong.toml' is not TOML"):
        load_settings(str(recipe))


@pytest.mark.parametrize("name", ["nothing", "missing.toml", "../base"])
def test_an_unknown_recipe_lists_those_that_ship(name):
    with pytest.raises(NotFound, match=r"shipped: base.*Or pass the path of a \.toml file"):
        load_settings(name)


def test_a_single_value_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="model.sample_weight must be in"):
        load_settings(assignments=["model.sample_weight=2"])
    with pytest.raises(ConfigError, match="data.family at least 1"):
        DataConfig(family=0)


@pytest.mark.parametrize(
    "text",
    [b"\xff", b"[" * 50_000, b"a = " + b"[" * 50_000, b"x" * (2**20 + 1), b"[optim]\nmax_steps = 9" + b"9" * 5000],
)
def test_recipes_from_strangers_are_refused(tmp_path, text):
    (tmp_path / "r.toml").write_bytes(text)
    with pytest.raises(ConfigError, match="r.toml"):
        load_settings(str(tmp_path / "r.toml"))


def test_a_number_beyond_all_floats_is_refused(tmp_path):
    (tmp_path / "r.toml").write_text("[optim]\nlearning_rate = 1" + "0" * 400 + "\n")
    with pytest.raises(ConfigError, match="optim.learning_rate must be"):
        load_settings(str(tmp_path / "r.toml"))
