"""The Lighthouse target: what it says where something is missing, and how it judges."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "tools"))

import lighthouse  # noqa: E402


@pytest.fixture
def site(tmp_path):
    (tmp_path / "index.html").write_text("<!doctype html>")
    return str(tmp_path)


def test_a_book_that_was_not_built_is_no_success(tmp_path, capsys):
    assert lighthouse.main([str(tmp_path)]) == 1
    assert "make book" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["npx", "chromium"])
def test_without_node_or_chromium_it_says_what_to_install(
    site, monkeypatch, capsys, missing
):
    here = {"npx", "chromium"} - {missing}
    found = SimpleNamespace(which=lambda name: name if name in here else None)
    monkeypatch.setattr(lighthouse, "shutil", found)
    assert lighthouse.main([site]) == 1
    assert "needs node (with npx) and Chromium: install" in capsys.readouterr().out


def report(seo):
    """A report of Lighthouse's shape: one audit in each category, SEO's as given."""
    scored = {"accessibility": 1, "best-practices": 1, "seo": seo}
    return json.dumps(
        {
            "categories": {
                name: {"score": score, "auditRefs": [{"id": name, "weight": 1}]}
                for name, score in scored.items()
            },
            "audits": {
                name: {"score": score, "title": f"about {name}"}
                for name, score in scored.items()
            },
        }
    )


@pytest.mark.parametrize("seo, status", [(1, 0), (0.92, 1)])
def test_anything_below_100_fails(site, monkeypatch, capsys, seo, status):
    def run(command, **settings):
        assert settings["env"]["PUPPETEER_SKIP_DOWNLOAD"] == "1"
        assert command[3].startswith("http://127.0.0.1:")
        return subprocess.CompletedProcess(command, 0, report(seo), "")

    monkeypatch.setattr(lighthouse.shutil, "which", lambda name: name)
    monkeypatch.setattr(lighthouse.subprocess, "run", run)
    assert lighthouse.main([site]) == status
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(lighthouse.PAGES)
    assert all(("about seo" in line) == (seo < 1) for line in lines)


def test_a_lighthouse_that_fails_raises(monkeypatch):
    def run(command, **settings):
        return subprocess.CompletedProcess(command, 1, "", "no such page")

    monkeypatch.setattr(lighthouse.subprocess, "run", run)
    with pytest.raises(ValueError, match="Lighthouse failed: no such page"):
        lighthouse.scores("http://127.0.0.1:1/", "chromium")
