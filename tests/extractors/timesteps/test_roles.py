"""Roles: their grammar, and which of them can be combined."""

from __future__ import annotations

import pytest

from extractors.timesteps.roles import Role, check_roles, parse_role, parse_scene


def checked(primary: str, *secondary: str, exchange: bool = False) -> None:
    check_roles(parse_role(primary), tuple(map(parse_role, secondary)), exchange)


@pytest.mark.parametrize(
    ("text", "role"),
    [
        (" pose ", Role("pose", "pose", "pose")),
        ("skeleton:2:upper", Role("skeleton:2:upper", "pose", "skeleton", agent=2, half="upper")),
        ("skeleton:0:left", Role("skeleton:0:left", "pose", "skeleton", half="left")),
        ("kinematics:slave", Role("kinematics:slave", "array", "kinematics", array="slave")),
        ("skeleton/centre", Role("skeleton/centre", "array", "skeleton", array="centre")),
    ],
)
def test_texts_become_roles(text: str, role: Role) -> None:
    assert parse_role(text) == role


@pytest.mark.parametrize(
    "text",
    ["", "pose:", "pose:0:", "pose:0:leftish", "pose:1000", "skeleton:a", "kinematics:third", "a/b/c", "pose:\u0661"],
)
def test_other_texts_name_the_grammar(text: str) -> None:
    with pytest.raises(ValueError, match="names no role: a role is pose:0"):
        parse_role(text)


def test_scenes() -> None:
    assert parse_scene("clips") == ("clips", "logits")
    assert parse_scene(" clips/features ") == ("clips", "features")
    for text in ("", "clips:0", "a/b/c"):
        with pytest.raises(ValueError, match="names no scene"):
            parse_scene(text)


@pytest.mark.parametrize(
    ("primary", "secondary", "message"),
    [
        ("pose:0", ("pose:0",), "given twice"),
        ("pose:0", ("pose:1", "pose:1"), "given twice"),
        ("pose:0", ("pose:1", "camera_flow"), "of one kind"),
        ("pose:0", ("pose:1:left", "pose:1:upper"), "of one kind"),
        ("camera_flow", ("kinematics:master", "skeleton/centre"), "of one kind"),
        ("pose:0", ("skeleton:0",), "no common frame"),
        ("skeleton:0:left", ("pose:0:right",), "no common frame"),
    ],
)
def test_roles_that_cannot_be_combined_are_refused(primary: str, secondary: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked(primary, *secondary)


@pytest.mark.parametrize(
    ("primary", "secondary"),
    [
        ("pose:0", ("pose:1", "pose:2")),
        ("pose:0", ("pose:0:left", "pose:0:right")),
        ("skeleton:0:left", ("skeleton:0:right",)),
        ("kinematics:master", ("kinematics:slave",)),
        ("pose:0", ("camera_flow",)),
        ("camera_flow", ("kinematics:master", "kinematics:slave")),
    ],
)
def test_roles_of_one_kind_can_be_combined(primary: str, secondary: tuple[str, ...]) -> None:
    checked(primary, *secondary)
    if parse_role(primary).kind == parse_role(secondary[0]).kind or len(secondary) == 1:
        checked(primary, *secondary, exchange=True)
    else:
        with pytest.raises(ValueError, match="exchange with several"):
            checked(primary, *secondary, exchange=True)
