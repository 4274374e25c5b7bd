"""`hilum embed` and `hilum similar` as a user types them, on a run trained for one epoch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hilum.cli import main
from hilum.features import FeatureStore
from hilum.pixels import Pack, load_image
from hilum.predict import Encoder, load
from hilum.runs import Run
from hilum_phantom import make_phantom

Hilum = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom study, its pack, a run, and a store made with its backbone in full precision."""
    folder = tmp_path_factory.mktemp("lab")
    make_phantom(folder / "phantom", 24, size=96, workers=1)
    assert (
        main(["pack", "chexpert", str(folder / "phantom"), "--out", str(folder / "pack"), "--size", "32"])
        == 0
    )
    recipe = folder / "small.toml"
    recipe.write_text(
        'name = "small"\ndata.findings = ["Support Devices", "Pleural Effusion"]\n'
        'model.name = "densenet-small"\nprepare.size = 32\nsplit.keep_official = false\n'
        'split.valid = 0.3\nsplit.test = 0.2\ntrain.epochs = 1\ntrain.batch = 16\ntrain.precision = "fp32"\n'
    )
    command = ["train", str(recipe), "--data", str(folder / "pack"), "--out", str(folder / "runs"), "--quiet"]
    assert main(command) == 0
    embed = ["embed", str(folder / "runs" / "small-1"), "--data", str(folder / "pack")]
    assert main([*embed, "--out", str(folder / "features"), "--precision", "fp32"]) == 0
    return folder


def ids(out: str) -> list[str]:
    return [row["image_id"] for row in json.loads(out)["similar"]]


def test_embed_says_what_it_did(lab: Path, hilum: Hilum, tmp_path: Path) -> None:
    words = ["embed", lab / "runs" / "small-1", "--data", lab / "pack", "--precision", "fp32"]
    code, out, _ = hilum(*words, "--out", tmp_path / "features")
    count = len(Pack(lab / "pack"))
    assert code == 0
    assert "encoder: small-1 (densenet-small, 32 px squash, fp32, " in out
    assert f"embedded: {count} images in " in out
    assert f"has vectors of {count} images" in out
    code, out, _ = hilum(*words, "--out", tmp_path / "features")
    assert "embedded: nothing new\n" in out
    assert f"there already: {count} images\n" in out
    code, out, _ = hilum(*words, "--out", tmp_path / "features", "--json")
    found = json.loads(out)
    assert (found["added"], found["present"], found["images"]) == (0, count, count)
    assert found["encoder"]["origin"] == str(lab / "runs" / "small-1")


def test_vectors_in_the_store_are_those_of_predict(lab: Path) -> None:
    pack, run = Pack(lab / "pack"), Run(lab / "runs" / "small-1")
    features = FeatureStore(lab / "features").features()
    network = load(run, device="cpu")
    direct = network(torch.from_numpy(pack.images(pack.slots)).unsqueeze(1) / 255).detach().numpy()
    head = network.model.classifier.state_dict()
    rows = features.rows(pack.table.image_ids)
    logits = features.avg[rows] @ head["weight"].numpy().T + head["bias"].numpy()
    np.testing.assert_allclose(logits, direct, atol=1e-4)


def test_a_source_is_packed_as_the_run_needs_it(lab: Path, hilum: Hilum, tmp_path: Path) -> None:
    source = f"chexpert:{lab / 'phantom'}"
    words = ["embed", lab / "runs" / "small-1", "--data", source, "--precision", "fp32"]
    code, _, err = hilum(*words, "--out", tmp_path / "features")
    assert code == 0, err
    whole, cached = (FeatureStore(folder).features() for folder in (lab / "features", tmp_path / "features"))
    assert cached.encoder.fingerprint == whole.encoder.fingerprint
    np.testing.assert_allclose(cached.avg[cached.rows(whole.image_ids)], whole.avg, atol=1e-5)


def test_similar_by_id_and_by_file_agree(lab: Path, hilum: Hilum) -> None:
    table = Pack(lab / "pack").table
    image, path = table.image_ids[5], lab / "phantom" / table.frame["path"][5]
    code, out, _ = hilum("similar", lab / "features", image, "-k", 3, "--json")
    assert code == 0
    by_id = ids(out)
    for pooling in ("avg", "max", "both"):
        code, out, _ = hilum("similar", lab / "features", path, "-k", 4, "--json", "--pooling", pooling)
        found = json.loads(out)["similar"]
        assert found[0]["image_id"] == image
        assert found[0]["similarity"] == pytest.approx(1, abs=1e-5)
        assert set(found[0]["findings"]) == set(table.findings)
        if pooling == "avg":
            assert ids(out)[1:] == by_id


def test_similar_prints_a_table_and_writes_a_page(lab: Path, hilum: Hilum, tmp_path: Path) -> None:
    image = Pack(lab / "pack").table.image_ids[5]
    page = tmp_path / "like.html"
    where = "sex = 'F' and age > 20"
    code, out, _ = hilum("similar", lab / "features", image, "--where", where, "-k", 4, "--out", page)
    assert code == 0
    assert f"Most like {image}, by small-1 (" in out
    assert out.count(" F ") == 4
    assert f"page: {page}" in out
    assert page.read_text().count("<img") >= 5
    code, out, _ = hilum("similar", lab / "features", image, "--where", "age > 200")
    assert (code, out) == (0, "no image fulfils 'age > 200'.\n")


def test_similar_with_the_pack_gone_shows_no_pictures(lab: Path, hilum: Hilum, tmp_path: Path) -> None:
    shutil.copytree(lab / "pack", tmp_path / "pack")
    shutil.copytree(lab / "features", tmp_path / "features")
    embed = ("embed", lab / "runs" / "small-1", "--data", tmp_path / "pack", "--precision", "fp32")
    code, out, _ = hilum(*embed, "--out", tmp_path / "features")
    assert "of them with new labels or facts" in out
    shutil.rmtree(tmp_path / "pack")
    image = Pack(lab / "pack").table.image_ids[5]
    code, _, err = hilum("similar", tmp_path / "features", image, "--out", tmp_path)
    assert code == 0, err
    assert "images are shown without pictures: there is no pack at" in err
    assert (tmp_path / "similar.html").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("similar", "{lab}/nothing", "x"), "there is no feature store at"),
        (
            ("similar", "{lab}/features", "missing.png"),
            "has no image 'missing.png', and there is no such file",
        ),
        (("similar", "{lab}/features", "{lab}/small.toml"), "small.toml"),
        (("similar", "{lab}/features", "x", "--encoder", "other"), "has no encoder 'other'"),
        (
            ("similar", "{lab}/features", "x", "--pooling", "mean"),
            "--pooling: expected word (avg, max, both); came: 'mean'",
        ),
        (
            ("embed", "{lab}/runs/small-1", "--data", "{lab}/nothing", "--out", "{new}"),
            "there is no pack at",
        ),
        (("embed", "{lab}/nothing", "--data", "{lab}/pack", "--out", "{new}"), "nothing"),
        (
            ("embed", "{lab}/runs/small-1", "--data", "{lab}/pack", "--out", "{new}", "--weights", "x"),
            "is a run and has its own weights",
        ),
        (
            ("embed", "{lab}/runs/small-1", "--data", "{lab}/pack", "--out", "{new}", "--option", "a=b"),
            "--option goes with SOURCE:FOLDER",
        ),
    ],
)
def test_bad_input_is_one_message(
    lab: Path, hilum: Hilum, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    new = tmp_path / "new"
    code, _, err = hilum(*(word.format(lab=lab, new=new) for word in words))
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not new.exists()


def test_weights_that_changed_are_told(lab: Path, hilum: Hilum, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "small-1"
    shutil.copytree(lab / "runs" / "small-1", run)
    embed = ("embed", run, "--data", lab / "pack", "--out", tmp_path / "features")
    assert hilum(*embed)[0] == 0
    disturb(run / "checkpoints" / "best.safetensors")
    picture = tmp_path / "x.png"
    cv2.imwrite(str(picture), np.zeros((40, 40), np.uint8))
    code, _, err = hilum("similar", tmp_path / "features", picture)
    assert code == 2
    assert "have changed since the store's vectors were made" in err
    code, _, err = hilum(*embed)
    assert code == 2
    assert "before its weights changed. Give --replace" in err
    code, _, err = hilum(*embed, "--replace")
    assert code == 0
    assert "dropping the vectors of small-1" in err
    assert hilum("similar", tmp_path / "features", picture, "-k", 1)[0] == 0
    shutil.rmtree(run)
    code, _, err = hilum("similar", tmp_path / "features", picture)
    assert code == 2


def disturb(weights: Path) -> None:
    """Other weights of the first layer."""
    from safetensors.numpy import load_file, save_file

    tensors = load_file(weights)
    name = next(name for name in tensors if name.endswith("conv0.weight"))
    save_file({**tensors, name: tensors[name] * 1.5}, weights)


def test_an_encoder_by_name_is_opened_again(lab: Path, hilum: Hilum, tmp_path: Path) -> None:
    run = lab / "runs" / "small-1"
    words = ("embed", "densenet-small", "--weights", run, "--data", lab / "pack", "--precision", "fp32")
    code, _, err = hilum(*words, "--out", tmp_path / "features")
    assert code == 0, err
    store = FeatureStore(tmp_path / "features")
    assert store.encoder("densenet-small").fingerprint == FeatureStore(lab / "features").encoder().fingerprint
    path = next((lab / "phantom").rglob("*.jpg"))
    assert hilum("similar", tmp_path / "features", path)[0] == 0


def test_pictures_are_prepared_as_the_run_does(lab: Path) -> None:
    encoder = Encoder.open(lab / "runs" / "small-1", device="cpu", precision="fp32")
    pack = Pack(lab / "pack")
    path = lab / "phantom" / pack.table.frame["path"][0]
    assert encoder.preparation == pack.prepare
    np.testing.assert_array_equal(load_image(path, encoder.preparation), pack.pixels[pack.slots[0]])
