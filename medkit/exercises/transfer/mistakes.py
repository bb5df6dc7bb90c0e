"""How Eq. 5 is really got wrong, and other ways to get it right: the versions behind `transfer`."""

from __future__ import annotations

import numpy as np
import torch

# 7.1 a step that leaves frozen weights alone: other right versions


def step_by_index(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Write into copies, where nothing is frozen."""
    new_weight, new_velocity, free = weight.clone(), velocity.clone(), ~frozen
    new_velocity[free] = momentum * velocity[free] + gradient[free] + decay * weight[free]
    new_weight[free] -= rate * new_velocity[free]
    return torch.stack([new_weight, new_velocity])


def step_one_by_one(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Go through the weights in a loop."""
    result = torch.stack([weight, velocity]).flatten(1)
    for place, held in enumerate(frozen.flatten().tolist()):
        if not held:
            w, v = result[:, place].tolist()
            v = momentum * v + float(gradient.flatten()[place]) + decay * w
            result[:, place] = torch.tensor([w - rate * v, v])
    return result.reshape(2, *weight.shape)


def step_by_numpy(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Set the change to zero where something is frozen."""
    w, g, v, held = (x.numpy() for x in (weight, gradient, velocity, frozen))
    change = np.where(held, 0.0, (momentum - 1) * v + np.where(held, 0.0, g) + decay * w)
    return np.stack([w - np.where(held, 0.0, rate * (v + change)), v + change])


# 7.1 wrong versions


def _step(weight, gradient, velocity, rate, momentum, decay):
    moved = momentum * velocity + gradient + decay * weight
    return weight - rate * moved, moved


def step_gradient_off(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Set the gradient to zero, and go on as always."""
    return torch.stack(_step(weight, gradient.where(~frozen, 0.0), velocity, rate, momentum, decay))


def step_decay_pulls(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Switch gradient and momentum off, and leave the decay."""
    gradient, velocity = gradient.where(~frozen, 0.0), velocity.where(~frozen, 0.0)
    return torch.stack(_step(weight, gradient, velocity, rate, momentum, decay))


def step_momentum_carries(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Switch gradient and decay off, and leave the momentum."""
    moved = momentum * velocity + (gradient + decay * weight).where(~frozen, 0.0)
    return torch.stack([weight - rate * moved, moved])


def step_velocity_gathers(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Hold the weight, and let its velocity go on."""
    new_weight, moved = _step(weight, gradient, velocity, rate, momentum, decay)
    return torch.stack([torch.where(frozen, weight, new_weight), moved])


def step_velocity_wiped(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Hold the weight, and forget its velocity."""
    new_weight, moved = _step(weight, gradient, velocity, rate, momentum, decay)
    return torch.stack([torch.where(frozen, weight, new_weight), moved.where(~frozen, 0.0)])


def step_times_zero(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Multiply the change by zero where something is frozen."""
    new_weight, moved = _step(weight, gradient, velocity, rate, momentum, decay)
    free = (~frozen).float()
    return torch.stack([weight + free * (new_weight - weight), velocity + free * (moved - velocity)])


def _held(old, new, frozen):
    return torch.stack([torch.where(frozen, a, b) for a, b in zip(old, new, strict=True)])


def step_inverted(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Move what is frozen."""
    return _held((weight, velocity), _step(weight, gradient, velocity, rate, momentum, decay), ~frozen)


def step_nothing_frozen(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Move everything."""
    return torch.stack(_step(weight, gradient, velocity, rate, momentum, decay))


def step_all_frozen(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Move nothing, the head neither."""
    return torch.stack([weight, velocity])


def step_old_velocity(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Move by the velocity as it was."""
    _, moved = _step(weight, gradient, velocity, rate, momentum, decay)
    return _held((weight, velocity), (weight - rate * velocity, moved), frozen)


def step_uphill(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Add the step."""
    _, moved = _step(weight, gradient, velocity, rate, momentum, decay)
    return _held((weight, velocity), (weight + rate * moved, moved), frozen)


def step_rate_inside(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Let the velocity hold the rate already."""
    moved = momentum * velocity + rate * (gradient + decay * weight)
    return _held((weight, velocity), (weight - moved, moved), frozen)


def step_dampened(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Take a mean of old and new, as Adam does."""
    moved = momentum * velocity + (1 - momentum) * (gradient + decay * weight)
    return _held((weight, velocity), (weight - rate * moved, moved), frozen)


def step_decay_apart(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Let the weight shrink by itself, as AdamW does."""
    moved = momentum * velocity + gradient
    return _held((weight, velocity), (weight - rate * moved - rate * decay * weight, moved), frozen)


def step_decay_grows(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Push weights away from zero."""
    return _held((weight, velocity), _step(weight, gradient, velocity, rate, momentum, -decay), frozen)


# 7.4 learned, and yet no Δ: other right versions


def _trained(head, features, target, rate, steps):
    for _ in range(steps):
        head = head - rate * features.T @ (features @ head - target) / len(features)
    return head


def delta_without_in_place(head, features, target, rate, steps):
    """Make a new tensor at each step."""
    return _trained(head, features, target, rate, steps) - head


def delta_by_adding_up(head, features, target, rate, steps):
    """Add up the steps."""
    delta = torch.zeros_like(head)
    for _ in range(steps):
        delta = delta - rate * features.T @ (features @ (head + delta) - target) / len(features)
    return delta


def delta_by_numpy(head, features, target, rate, steps):
    """Work in float64 arrays."""
    x, y, w = (one.double().numpy() for one in (features, target, head))
    start = np.array(w)
    for _ in range(steps):
        w = w - rate * x.T @ (x @ w - y) / x.shape[0]
    return w - start


# 7.4 wrong versions


def delta_of_last_step(head, features, target, rate, steps):
    """Take the weights before each step."""
    before = after = head
    for _ in range(steps):
        before, after = after, _trained(after, features, target, rate, 1)
    return after - before


def delta_backwards(head, features, target, rate, steps):
    """Subtract the new from the old."""
    return head - _trained(head, features, target, rate, steps)


def delta_is_after(head, features, target, rate, steps):
    """Return the new weights."""
    return _trained(head, features, target, rate, steps)


def delta_relative(head, features, target, rate, steps):
    """Divide by the weights before."""
    return (_trained(head, features, target, rate, steps) - head) / head


def delta_not_divided(head, features, target, rate, steps):
    """Forget N."""
    return _trained(head, features, target, rate * len(features), steps) - head


def delta_divided_by_all(head, features, target, rate, steps):
    """Divide by N times K."""
    return _trained(head, features, target, rate / target.shape[1], steps) - head


def delta_uphill(head, features, target, rate, steps):
    """Add the gradient."""
    return _trained(head, features, target, -rate, steps) - head


def delta_of_first_error(head, features, target, rate, steps):
    """Work the error out before the loop."""
    return steps * (_trained(head, features, target, rate, 1) - head)


def delta_of_one_step(head, features, target, rate, steps):
    """Return from inside the loop."""
    return _trained(head, features, target, rate, min(steps, 1)) - head


def delta_absolute(head, features, target, rate, steps):
    """Drop the sign."""
    return (_trained(head, features, target, rate, steps) - head).abs()
