"""RES-12: the names of the states stay inside; the vocabulary contract keeps others off them."""

import pytest

import emel_model_tensor


@pytest.mark.behaviour("RES-12")
def test_the_states_are_not_public():
    assert not {"State", "Change", "Phase"} & set(emel_model_tensor.__all__)
