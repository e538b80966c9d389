import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from engine.model.error import ModelError
from engine.model.window import beyond_window, learned_positions

SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 40, "pad_token_id": 1}
LEARNED = {
    "gpt2": ({"n_positions": 16}, 16),
    "opt": ({"max_position_embeddings": 16, "ffn_dim": 32, "word_embed_proj_dim": 32}, 16),
    "bert": ({"max_position_embeddings": 16, "intermediate_size": 32}, 16),
    "roberta": ({"max_position_embeddings": 18, "intermediate_size": 32}, 16),
    "deberta-v2": ({"max_position_embeddings": 16, "intermediate_size": 32}, 16),
}


def model_of(family, values):
    return AutoModelForSequenceClassification.from_config(AutoConfig.for_model(family, **SMALL, num_labels=1, **values))


@pytest.mark.parametrize("family", LEARNED)
def test_a_sequence_of_all_learned_positions_goes_through_and_one_more_is_refused(family):
    values, positions = LEARNED[family]
    model = model_of(family, values).eval()
    assert learned_positions(model) == positions
    assert beyond_window(model, positions) is None
    model(input_ids=torch.full((1, positions), 5), attention_mask=torch.ones(1, positions, dtype=torch.long))
    with pytest.raises(ModelError, match=f"has {positions + 1} tokens.*{positions} positions"):
        beyond_window(model, positions + 1)


def test_computed_positions_go_on_and_it_is_said():
    llama = model_of("llama", {"max_position_embeddings": 16, "intermediate_size": 32})
    assert beyond_window(llama, 16) is None
    assert "made for 16" in beyond_window(llama, 17)


@pytest.mark.parametrize(
    ("rope", "switch"),
    [
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}, None),
        ({"rope_type": "dynamic", "factor": 4.0}, 64),
        (
            {
                "rope_type": "longrope",
                "short_factor": [1.0] * 8,
                "long_factor": [4.0] * 8,
                "original_max_position_embeddings": 16,
            },
            16,
        ),
    ],
)
def test_it_is_said_where_a_long_sequence_changes_the_score_of_a_short_one_beside_it(rope, switch):
    torch.manual_seed(0)
    values = {"max_position_embeddings": 64, "intermediate_size": 32, "initializer_range": 0.5}
    llama = model_of("llama", values | {"rope_parameters": rope | {"rope_theta": 10000.0}}).eval()
    longest = (switch or 64) + 1
    ids = torch.randint(2, 40, (2, longest))
    ids[1, 10:] = 1

    def of_short(rows):
        hidden = llama.model(rows, attention_mask=(rows != 1).long()).last_hidden_state
        return llama.score(hidden[-1, 9])

    depends = not torch.allclose(of_short(ids), of_short(ids[1:, :10]), rtol=1e-3, atol=1e-4)
    said = beyond_window(llama, longest)
    assert depends == bool(said and "in its micro-batch" in said) == (switch is not None)
    assert switch is None or "in its micro-batch" not in (beyond_window(llama, switch) or "")
