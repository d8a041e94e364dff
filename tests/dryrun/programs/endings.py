"""Programs that end in every way but the plain one: endings.py WAY"""
import importlib.util
import os
import sys
import threading

# As transformers and diffusers do: to look for a module is not to import it.
FOUND = [importlib.util.find_spec(name) for name in ("torch", "jax", "tensorflow", "triton")]

import torch  # noqa: E402


def train(tries: int, batch: int = 9) -> None:
    weight = torch.nn.Parameter(torch.zeros(batch, device="cuda"))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    for _ in range(tries):
        weight.grad = torch.zeros_like(weight)
        optimizer.step()


def swallow() -> None:
    try:
        train(100)
    except BaseException:
        print("swallowed")
    train(100)
    print("went on")


def in_thread() -> None:
    thread = threading.Thread(target=train, args=(100,))
    thread.start()
    thread.join()
    print("went on")


def smaller_batch() -> None:
    """Halves the batch until it fits, as many programs do."""
    batch = 1 << 30
    while True:
        try:
            train(100, batch)
        except torch.cuda.OutOfMemoryError:
            print("too large:", batch)
            batch //= 2


def give_up() -> None:
    try:
        torch.empty(1 << 40, device="cuda")
    except torch.cuda.OutOfMemoryError:
        print("gave up")


def fork() -> None:
    torch.zeros(5, device="cuda")
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def crash() -> None:
    torch.zeros(5, device="cuda")
    raise ValueError("of the program's own")


def killed() -> None:
    torch.zeros(5, device="cuda")
    os.kill(os.getpid(), 11)


def second_card() -> None:
    torch.zeros(5, device="cuda:1")


def no_step() -> None:
    torch.zeros(1 << 20, device="cuda")


def two_optimizers() -> None:
    """A generator that steps after every second step of the discriminator."""
    first, second = (torch.nn.Parameter(torch.zeros(9, device="cuda")) for _ in range(2))
    optimizers = [torch.optim.SGD([first], lr=1.0), torch.optim.Adam([second])]
    for step in range(1000):
        first.grad = torch.zeros_like(first)
        optimizers[0].step()
        if step % 2:
            second.grad = torch.zeros_like(second)
            optimizers[1].step()
            print("second", step // 2 + 1, flush=True)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
