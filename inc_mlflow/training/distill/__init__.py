"""Distillation: a module learns from another one."""
