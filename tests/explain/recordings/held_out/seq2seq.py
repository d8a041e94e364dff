"""Encoder and decoder with teacher forcing, the decoder word by word."""

import random
import sys

import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self, words, width):
        super().__init__()
        self.embed, self.rnn = nn.Embedding(words, width), nn.GRU(width, width)

    def forward(self, ids):
        return self.rnn(self.embed(ids))


class Decoder(nn.Module):
    def __init__(self, words, width):
        super().__init__()
        self.embed, self.cell = nn.Embedding(words, width), nn.GRUCell(2 * width, width)
        self.out = nn.Linear(width, words)

    def step(self, word, state, memory):
        scores = torch.einsum("tbw,bw->tb", memory, state).softmax(0)
        context = torch.einsum("tb,tbw->bw", scores, memory)
        state = self.cell(torch.cat([self.embed(word), context], 1), state)
        return self.out(state), state

    def forward(self, targets, state, memory):
        outputs = []
        for word in targets:
            logits, state = self.step(word, state, memory)
            outputs.append(logits)
        return torch.stack(outputs)


def train_iters(cause):
    words, width = 6000, {"optimizer-state": 4096}.get(cause, 256)
    batch = {"batch": 1500, "optimizer-state": 1}.get(cause, 96)
    encoder, decoder = Encoder(words, width).cuda(), Decoder(words, width).cuda()
    optimizers = [torch.optim.Adam(part.parameters()) for part in (encoder, decoder)]
    plot_losses, lengths = [], random.Random(3)
    for i in range(40):
        length = 300 if cause == "late-batch" and i == 14 else lengths.randint(8, 16)
        ids = torch.randint(words, (length, batch), device="cuda")
        memory, state = encoder(ids)
        logits = decoder(ids, state[0], memory)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten())
        if cause == "history":
            plot_losses.append(loss)
            continue
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        if cause == "none" and i == 9:
            break


train_iters(sys.argv[1])
