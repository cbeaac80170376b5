"""The page of a tagger's Space: text in, its entities marked."""

import gradio as gr
from transformers import pipeline

MODEL = "REPO"
EXAMPLE = "SENTENCE"

tagger = pipeline(model=MODEL, trust_remote_code=True)  # the code is in the model's repository


def tag(text: str) -> dict:
    """The text and its entities, as gradio shows them."""
    entities = [{"entity": e["entity_group"], "start": e["start"], "end": e["end"]} for e in tagger(text)]
    return {"text": text, "entities": entities}


page = gr.Interface(
    fn=tag,
    inputs=gr.Textbox(label="text", lines=5),
    outputs=gr.HighlightedText(label="entities"),
    examples=[EXAMPLE],
    title=MODEL,
    flagging_mode="never",
)

if __name__ == "__main__":
    page.launch()
