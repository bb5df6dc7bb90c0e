"""How Fourier style is really got wrong, and other ways to get it right: the versions behind 16.1."""

from __future__ import annotations

import cmath

import numpy as np
import torch

from medkit.exercises.values import small_image


def some_image(height, width, seed):
    """Return small whole numbers whose waves all have an amplitude, for a wave without one has no phase."""
    return small_image(height, width, seed=100 + seed)


# 16.1 slow waves: other right versions


def swap_in_numpy(image, reference, radius):
    """Shift slow waves to the middle, as the authors do, and cut a square out."""
    own, other = (np.fft.fftshift(np.fft.fft2(part.numpy().astype(np.float64))) for part in (image, reference))
    turns = [np.abs(np.arange(n) - n // 2) for n in own.shape]
    slow = (turns[0][:, None] < radius) & (turns[1] < radius)
    amplitude = np.where(slow, np.abs(other), np.abs(own))
    return np.fft.ifft2(np.fft.ifftshift(amplitude * np.exp(1j * np.angle(own)))).real


def swap_half_of_the_waves(image, reference, radius):
    """Work on one half of the spectrum: the other half mirrors it."""
    own, other = torch.fft.rfft2(image), torch.fft.rfft2(reference)
    row = torch.fft.fftfreq(image.shape[0], d=1 / image.shape[0]).abs().round()
    slow = (row[:, None] < radius) & (torch.arange(own.shape[1]) < radius)
    factor = torch.where(slow, other.abs() / own.abs(), torch.ones(own.shape))
    return torch.fft.irfft2(own * factor, s=image.shape)


def swap_wave_by_wave(image, reference, radius):
    """Go through the waves in Python."""
    own, other = torch.fft.fft2(image.double()), torch.fft.fft2(reference.double())
    for i in range(len(own)):
        for j in range(own.shape[1]):
            if min(i, len(own) - i) < radius and min(j, own.shape[1] - j) < radius:
                own[i, j] = abs(other[i, j].item()) * cmath.exp(1j * cmath.phase(own[i, j].item()))
    return torch.fft.ifft2(own).real


# 16.1 wrong versions


def _turns(n):
    return torch.minimum(torch.arange(n), n - torch.arange(n))


def _slow(shape, radius):
    return (_turns(shape[0])[:, None] < radius) & (_turns(shape[1]) < radius)


def _waves(image, reference):
    return torch.fft.fft2(image), torch.fft.fft2(reference)


def _joined(slow, own, other):
    amplitude = torch.where(slow, other.abs(), own.abs())
    return torch.fft.ifft2(torch.polar(amplitude, own.angle()))


def swap_whole_waves(image, reference, radius):
    """Take amplitude and phase of slow waves."""
    own, other = _waves(image, reference)
    return torch.fft.ifft2(torch.where(_slow(image.shape, radius), other, own)).real


def swap_with_its_phases(image, reference, radius):
    """Join the right amplitudes with the reference's phases."""
    own, other = _waves(image, reference)
    amplitude = torch.where(_slow(image.shape, radius), other.abs(), own.abs())
    return torch.fft.ifft2(torch.polar(amplitude, other.angle())).real


def swap_the_wrong_way(image, reference, radius):
    """Give the reference the image's style."""
    return _joined(_slow(image.shape, radius), *_waves(reference, image)).real


def swap_one_corner(image, reference, radius):
    """Forget that slow waves stand at the end of each axis too."""
    slow = torch.zeros(image.shape, dtype=torch.bool)
    slow[:radius, :radius] = True
    return _joined(slow, *_waves(image, reference)).real


def swap_the_middle(image, reference, radius):
    """Look for slow waves in the middle, without a shift."""
    slow = torch.fft.fftshift(_slow(image.shape, radius))
    return _joined(slow, *_waves(image, reference)).real


def swap_up_to_the_radius(image, reference, radius):
    """Count one turn too many."""
    return _joined(_slow(image.shape, radius + 1), *_waves(image, reference)).real


def swap_a_cross(image, reference, radius):
    """Let one direction be enough."""
    slow = (_turns(image.shape[0])[:, None] < radius) | (_turns(image.shape[1]) < radius)
    return _joined(slow, *_waves(image, reference)).real


def swap_a_circle(image, reference, radius):
    """Measure turns along the diagonal."""
    turns = (_turns(image.shape[0])[:, None] ** 2 + _turns(image.shape[1]) ** 2).double().sqrt()
    return _joined(turns < radius, *_waves(image, reference)).real


def swap_all_waves(image, reference, radius):
    """Let the radius be."""
    return _joined(torch.ones(image.shape, dtype=torch.bool), *_waves(image, reference)).real


def swap_the_fast(image, reference, radius):
    """Take the waves outside the square."""
    return _joined(~_slow(image.shape, radius), *_waves(image, reference)).real


def swap_and_turn_over(image, reference, radius):
    """Return the absolute value of the inverse."""
    return _joined(_slow(image.shape, radius), *_waves(image, reference)).abs()


def swap_and_cut_off(image, reference, radius):
    """Cut off what lies below 0."""
    return _joined(_slow(image.shape, radius), *_waves(image, reference)).real.clamp(min=0)


def swap_half_way(image, reference, radius):
    """Mix both amplitudes."""
    own, other = _waves(image, reference)
    half = (own.abs() + other.abs()) / 2
    amplitude = torch.where(_slow(image.shape, radius), half, own.abs())
    return torch.fft.ifft2(torch.polar(amplitude, own.angle())).real


def swap_along_rows(image, reference, radius):
    """Transform along one axis only."""
    own, other = torch.fft.fft(image), torch.fft.fft(reference)
    amplitude = torch.where(_turns(image.shape[1]) < radius, other.abs(), own.abs())
    return torch.fft.ifft(torch.polar(amplitude, own.angle())).real
