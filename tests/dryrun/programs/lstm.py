"""A language model of words with an LSTM, truncated backpropagation, as in PyTorch's examples."""
import argparse

import torch
from torch import nn


class Model(nn.Module):
    def __init__(self, words, width, layers):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width, layers, dropout=0.2)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(width, words)

    def forward(self, ids, hidden):
        output, hidden = self.lstm(self.drop(self.embedding(ids)), hidden)
        return self.head(self.drop(output)), hidden


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=20)
    parser.add_argument("--length", type=int, default=35)
    parser.add_argument("--width", type=int, default=650)
    parser.add_argument("--steps", type=int, default=4)
    args = parser.parse_args()
    words, layers = 33278, 2
    device = torch.device("cuda:0")
    model = Model(words, args.width, layers).to(device)
    optimizer = torch.optim.Adam(model.parameters())
    corpus = torch.randint(words, (args.steps * args.length + 1, args.batch_size)).to(device)
    hidden = tuple(torch.zeros(layers, args.batch_size, args.width, device=device)
                   for _ in range(2))
    total = 0.0
    for step in range(args.steps):
        begin = step * args.length
        hidden = tuple(h.detach() for h in hidden)
        output, hidden = model(corpus[begin:begin + args.length], hidden)
        wanted = corpus[begin + 1:begin + 1 + args.length]
        loss = nn.functional.cross_entropy(output.view(-1, words), wanted.reshape(-1))
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        optimizer.step()
        total += loss.item()
    print(f"mean loss {total / args.steps:.3f}")
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
