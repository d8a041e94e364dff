"""CUDA's mathematical libraries by many ways in: every driver of linear algebra in four types,
transforms of odd and prime lengths, sparse layouts, matrix products of every type; and what PyTorch
and programs check of made-up numbers. No operation may ask for absurd memory."""
import torch
from torch import nn

TYPES = (torch.float32, torch.float64, torch.complex64, torch.complex128)
SHAPES = ((8, 6), (3, 8, 6), (20, 6, 8), (300, 260), (2000, 3, 3))


def rand(*shape, dtype=torch.float32):
    return torch.randn(*shape, device="cuda", dtype=dtype)


def linear_algebra():
    linalg = torch.linalg
    for dtype in TYPES:
        for *batch, n, m in SHAPES:
            a, t, b = (rand(*batch, n, k, dtype=dtype) for k in (n, m, 3))
            for driver in ("gesvd", "gesvdj", "gesvda"):
                linalg.svd(t, full_matrices=False, driver=driver)
            for square in (linalg.eig, linalg.eigvals, linalg.inv, linalg.det, linalg.slogdet,
                           linalg.ldl_factor, torch.cholesky_inverse):
                square(a)
            for hermitian in (linalg.eigh, linalg.eigvalsh, linalg.cholesky):
                hermitian(a @ a.mH)
            for any_shape in (linalg.svdvals, linalg.qr, linalg.lu, linalg.pinv,
                              linalg.matrix_rank, torch.geqrf):
                any_shape(t)
            linalg.solve(a, b)
            linalg.lu_solve(*linalg.lu_factor(a), b)
            linalg.lstsq(rand(*batch, n + m, n, dtype=dtype), rand(*batch, n + m, 2, dtype=dtype))
            torch.ormqr(a, a[..., 0].contiguous(), b)
            a.requires_grad_()
            linalg.solve(a, b).abs().sum().backward()
            linalg.eigvalsh(a @ a.mH).sum().backward()
    linalg.matrix_exp(rand(5, 5))


def fourier():
    for shape in ((8, 64), (4, 63, 65), (2, 3, 17, 131), (1, 1, 100, 1009), (16, 1 << 16)):
        for dtype in (torch.float32, torch.float64):
            x = rand(*shape, dtype=dtype)
            torch.fft.irfft(torch.fft.rfft(x), n=shape[-1])
            torch.fft.irfftn(torch.fft.rfftn(x), s=shape)
            torch.fft.ifft2(torch.fft.fft2(x))
            torch.fft.hfft(x)
    torch.fft.irfft2(torch.fft.rfft2(rand(4, 64, 64, dtype=torch.float16)))
    torch.fft.fft(rand(16, 32, 8).transpose(0, 2), dim=0)


def sparse():
    host = torch.eye(64)
    host[3, 5] = host[9, 1] = 2
    dense = rand(64, 16)
    coordinates, rows, blocks = (host.to_sparse().cuda(), host.to_sparse_csr().cuda(),
                                 host.to_sparse_bsr((4, 4)).cuda())
    for layout in (coordinates, rows, blocks):
        layout @ dense
        torch.addmm(dense, layout, dense)
        torch.mv(layout, dense[:, 0].contiguous())
        layout.to_dense()
    for layout in (rows, blocks):
        torch.triangular_solve(dense, layout, upper=True)
    for layout in (coordinates, rows):
        torch.sparse.mm(layout, layout)
        layout + layout
    assert 0 < (rows @ rows).values().numel() <= 64 * 64
    for _ in range(3):
        torch.bmm(torch.stack([coordinates, coordinates]), rand(2, 64, 8))
    torch.sparse.sampled_addmm(rows, rand(64, 8), rand(8, 64))
    weight = rand(64, 16).requires_grad_()
    torch.sparse.mm(coordinates, weight).sum().backward()


def products():
    for dtype in (*TYPES, torch.float16, torch.bfloat16):
        a, b = rand(4, 8, 16, dtype=dtype), rand(4, 16, 8, dtype=dtype)
        torch.baddbmm(rand(4, 8, 8, dtype=dtype), a, b)
        torch.addmm(rand(8, dtype=dtype), a[0], b[0])
        torch.vdot(a.flatten(), b.flatten())
        nn.functional.linear(a, b[0].mT, rand(8, dtype=dtype))
    small = torch.randint(-5, 5, (64, 64)).to(torch.int8).cuda()
    torch._int_mm(small, small)
    if torch.cuda.get_device_capability() >= (8, 9):
        eight = rand(64, 64).to(torch.float8_e4m3fn)
        one = torch.ones((), device="cuda")
        torch._scaled_mm(eight, eight.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
    half = torch.tensor([0, 0, 1, 1], dtype=torch.float16).tile((128, 32)).cuda()
    torch.sparse.SparseSemiStructuredTensor._FORCE_CUTLASS = False
    torch.sparse.to_sparse_semi_structured(half) @ rand(128, 64, dtype=torch.float16)


def checks():
    """What PyTorch and programs refuse where it does not hold."""
    x = rand(4, 5)
    assert torch.isfinite(x).all() and torch.isfinite(rand(3, dtype=torch.complex64)).all()
    assert not torch.isnan(x).any() and torch.allclose(x, x)
    assert not (x == 1).all()
    torch.distributions.Normal(x, x.exp()).log_prob(x)
    actions = torch.distributions.Categorical(logits=x)
    actions.log_prob(actions.sample())
    torch.repeat_interleave(x, torch.tensor([1, 2, 3, 4]).cuda(), dim=0)
    assert torch.full((2,), 7, device="cuda").tolist() == [7, 7]
    lengths = torch.full((4,), 5, device="cuda").cpu()
    nn.utils.rnn.pack_padded_sequence(rand(4, 5, 3), lengths, batch_first=True)


def main():
    for part in (linear_algebra, fourier, sparse, products, checks):
        part()
        torch.cuda.synchronize()
        print(f"{part.__name__}: done")
    assert torch.cuda.max_memory_reserved() < 1 << 30
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
