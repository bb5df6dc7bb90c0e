"""Ways to freeze a part of a model: those that hold, and those that seem to. What exercise 7.6 tests."""

from __future__ import annotations

import torch
from torch import nn

# right versions


def _no_gradients(part):
    for parameter in part.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None


def held_before_each_call(model, name):
    """Put each layer back into evaluation mode before it works."""
    part = model.get_submodule(name)
    _no_gradients(part)
    for layer in part.modules():
        layer.train(False)
        layer.register_forward_pre_hook(lambda layer, inputs: setattr(layer, "training", False))


def deaf_to_train(model, name):
    """Let the layers not hear of training mode."""
    part = model.get_submodule(name)
    _no_gradients(part)
    part.train(False)
    for layer in part.modules():
        layer.train = lambda mode=True, layer=layer: layer


def of_another_class(model, name):
    """Give each layer a class whose training mode is evaluation."""
    part = model.get_submodule(name)
    for layer in list(part.train(False).modules()):
        kind = type(layer)
        layer.__class__ = type(f"Frozen{kind.__name__}", (kind,), {"train": lambda self, mode=True: self})
    _no_gradients(part)


# wrong versions


def nothing_at_all(model, name):
    """Do nothing."""


def gradients_off(model, name):
    """Switch the gradients off, as everybody does."""
    model.get_submodule(name).requires_grad_(False)


def evaluation_once(model, name):
    """Switch the gradients off, and to evaluation mode, once."""
    part = model.get_submodule(name)
    _no_gradients(part)
    part.train(False)


def old_gradients_kept(model, name):
    """Hold the statistics, and leave the last gradient for the optimiser to find."""
    part = model.get_submodule(name)
    deaf_gradients = [parameter.grad for parameter in part.parameters()]
    deaf_to_train(model, name)
    for parameter, gradient in zip(part.parameters(), deaf_gradients, strict=True):
        parameter.grad = gradient


def weights_without_statistics(model, name):
    """Leave no gradient behind, and the statistics in training mode."""
    _no_gradients(model.get_submodule(name))


def statistics_only(model, name):
    """Hold the statistics, and let the weights learn."""
    part = model.get_submodule(name).train(False)
    for layer in part.modules():
        layer.train = lambda mode=True, layer=layer: layer


def everything(model, name):
    """Hold the whole model, its head too."""
    for layer, _ in list(model.named_children()):
        deaf_to_train(model, layer)


def first_layer_of_it(model, name):
    """Hold the first layer of the part."""
    layers = [key for key, layer in model.get_submodule(name).named_modules() if not list(layer.children())]
    deaf_to_train(model, f"{name}.{layers[0]}" if layers[0] else name)


def without_biases(model, name):
    """Hold what has rows and columns, and forget the biases."""
    part = model.get_submodule(name)
    deaf_to_train(model, name)
    for key, parameter in part.named_parameters():
        if key.endswith("bias"):
            parameter.requires_grad_(True)


def cut_off(model, name):
    """Hold the part, and let no gradient through it to the layers in front."""
    held_before_each_call(model, name)
    model.get_submodule(name).register_forward_hook(lambda part, inputs, output: output.detach())


def statistics_reset(model, name):
    """Hold the part, and start its statistics anew."""
    for layer in model.get_submodule(name).modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.reset_running_stats()
    held_before_each_call(model, name)


def weights_rounded(model, name):
    """Hold the part in half precision, to save memory."""
    with torch.no_grad():
        for parameter in model.get_submodule(name).parameters():
            parameter.copy_(parameter.half().float())
    held_before_each_call(model, name)
