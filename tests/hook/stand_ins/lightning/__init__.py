"""PyTorch Lightning's documented interface of callbacks, without torch and its gigabytes."""
