"""Adam as Keras computes it, for the paper's recipe."""

import torch
from torch.optim import Optimizer


class KerasAdam(Optimizer):
    """Adam whose epsilon is not scaled by the bias correction (Kingma and Ba 2015, end of section 2; Keras' Adam).

    A step is lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps). torch's Adam divides sqrt(v) by
    sqrt(1 - beta2^t) before it adds eps, so its steps are longer at the start: where eps outweighs the gradient, by
    32 at the first step and by 1.26 at the thousandth. With the usual eps of 1e-8 nobody notices; the paper's is 0.1.

    Args:
        params: of the model, or groups of them.
        lr: learning rate.
        betas: decay of the two averages.
        eps: 1e-7 in Keras, 0.1 in the paper.
    """

    def __init__(self, params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-7):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure=None):
        """One step, from the gradients that are there."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:
                continue
            beta1, beta2 = group["betas"]
            for p in parameters:
                if not self.state[p]:
                    zeros = {name: torch.zeros_like(p, memory_format=torch.preserve_format) for name in ("m", "v")}
                    self.state[p] = {"step": torch.tensor(0.0), **zeros}
                self.state[p]["step"] += 1
            m, v = ([self.state[p][name] for p in parameters] for name in ("m", "v"))
            gradients = [p.grad for p in parameters]
            torch._foreach_lerp_(m, gradients, 1 - beta1)
            torch._foreach_mul_(v, beta2)
            torch._foreach_addcmul_(v, gradients, gradients, 1 - beta2)
            roots = torch._foreach_sqrt(v)
            torch._foreach_add_(roots, group["eps"])
            for p, numerator, denominator in zip(parameters, m, roots, strict=True):
                t = self.state[p]["step"].item()
                rate = group["lr"] * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
                p.addcdiv_(numerator, denominator, value=-rate)
        return loss
