"""ONNX Runtime sessions, provider choice and the model manifest."""
