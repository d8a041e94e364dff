"""A language model whose hidden state goes from one piece of text to the next."""

import sys

import torch
from torch import nn


class Model(nn.Module):
    def __init__(self, words, width):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width, 2, batch_first=True)
        self.head = nn.Linear(width, words)

    def forward(self, ids, state):
        out, state = self.lstm(self.embed(ids), state)
        return self.head(out), state


def train(cause):
    batch = {"batch": 512}.get(cause, 32)
    model = Model(10000, 512).to("cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    text = torch.randint(10000, (batch, 70 * 80), device="cuda")
    state = None
    for position in range(0, text.shape[1] - 71, 70):
        ids = text[:, position : position + 70]
        targets = text[:, position + 1 : position + 71]
        logits, state = model(ids, state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward(retain_graph=cause == "history")
        if cause != "history":
            state = tuple(part.detach() for part in state)
            optimizer.step()
        if cause == "none" and position > 500:
            break


if __name__ == "__main__":
    train(sys.argv[1])
