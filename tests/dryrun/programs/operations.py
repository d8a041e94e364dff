"""Operations that lean on CUDA's other libraries, or that ask the device for a count: linear
algebra, FFT, sorting, sampling, embedding bags, sparse tensors."""
import torch
from torch import nn


def linear_algebra():
    a = torch.randn(8, 64, 64, device="cuda")
    spd = a @ a.mT + 64 * torch.eye(64, device="cuda")
    factor = torch.linalg.cholesky(spd)
    torch.linalg.solve(spd, a)
    torch.linalg.qr(a)
    torch.linalg.svd(a, full_matrices=False)
    torch.linalg.eigh(spd)
    torch.linalg.inv(spd)
    torch.linalg.slogdet(spd)
    torch.linalg.lstsq(a, a)
    torch.cholesky_inverse(factor)
    big = torch.randn(1024, 1024, device="cuda")
    torch.linalg.svdvals(big)
    torch.linalg.lu_factor(big)
    torch.linalg.matrix_norm(big, 2)


def fourier():
    x = torch.randn(16, 4096, device="cuda", requires_grad=True)
    torch.fft.irfft(torch.fft.rfft(x) * 2).sum().backward()
    torch.fft.fft2(torch.randn(4, 3, 240, 320, device="cuda"))
    torch.stft(x.detach(), 512, return_complex=True, window=torch.hann_window(512, device="cuda"))


def sorting_and_sampling():
    x = torch.randn(64, 50257, device="cuda")
    x.sort(dim=-1, descending=True)
    x.topk(50)
    x.flatten().sort(stable=True)
    x.kthvalue(7)
    x.median(dim=-1)
    x.cumsum(-1)
    torch.multinomial(x.softmax(-1), 4)
    torch.bucketize(x, torch.linspace(-3, 3, 100, device="cuda"))
    torch.randperm(100000, device="cuda")
    torch.histc(x, 100)
    nn.functional.gumbel_softmax(x)
    torch.searchsorted(torch.arange(100.0, device="cuda"), x[0])


def counting():
    x = torch.randint(5, (1000, 100), device="cuda")
    torch.nonzero(x)
    x[x > 2]
    torch.masked_select(x, x == 1)
    x.unique()
    torch.unique_consecutive(x.flatten(), return_counts=True)
    torch.bincount(x.flatten())
    torch.where(x > 3)


def embeddings():
    bag = nn.EmbeddingBag(100000, 64, mode="mean", sparse=True).cuda()
    offsets = torch.arange(0, 4096, 8, device="cuda")
    optimizer = torch.optim.SparseAdam(list(bag.parameters()))
    for _ in range(2):
        ids = torch.randint(100000, (4096,), device="cuda")
        bag(ids, offsets).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    dense = nn.EmbeddingBag(1000, 64, mode="max").cuda()
    dense(torch.randint(1000, (4096,), device="cuda"), offsets).sum().backward()


def sparse():
    index = torch.randint(1024, (2, 10000))
    matrix = torch.sparse_coo_tensor(index, torch.randn(10000), (1024, 1024)).cuda()
    vector = torch.randn(1024, 32, device="cuda")
    torch.sparse.mm(matrix.coalesce(), vector)
    rows = matrix.coalesce().to_sparse_csr()
    rows @ vector
    rows.to_dense()
    torch.randn(64, 64, device="cuda").to_sparse()


def others():
    x = torch.randn(8, 16, 64, 64, device="cuda", requires_grad=True)
    nn.functional.interpolate(x, scale_factor=2, mode="bilinear").sum().backward()
    nn.functional.grid_sample(x, torch.rand(8, 32, 32, 2, device="cuda") * 2 - 1,
                              align_corners=False)
    nn.functional.unfold(x, 3)
    nn.functional.conv3d(torch.randn(2, 4, 8, 32, 32, device="cuda"),
                         torch.randn(8, 4, 3, 3, 3, device="cuda"))
    nn.functional.ctc_loss(torch.randn(50, 4, 20, device="cuda").log_softmax(2),
                           torch.randint(1, 20, (4, 10), device="cuda"),
                           torch.full((4,), 50), torch.full((4,), 10))
    torch.einsum("bchw,bdhw->bcd", x, x)
    torch.cdist(torch.randn(100, 64, device="cuda"), torch.randn(200, 64, device="cuda"))
    torch.baddbmm(torch.zeros(4, 8, 8, device="cuda"), torch.randn(4, 8, 16, device="cuda"),
                  torch.randn(4, 16, 8, device="cuda"))
    nn.GRU(32, 64, 2, bidirectional=True).cuda()(torch.randn(20, 4, 32, device="cuda"))
    nn.MultiheadAttention(64, 4).cuda()(*[torch.randn(20, 4, 64, device="cuda")] * 3)


def main():
    for part in (linear_algebra, fourier, sorting_and_sampling, counting, embeddings, sparse,
                 others):
        part()
        torch.cuda.synchronize()
        print(f"{part.__name__}: done")
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
