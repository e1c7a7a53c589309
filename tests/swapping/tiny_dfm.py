"""A made-up model of DeepFaceLive's kind: it draws one picture whatever it is shown."""

import numpy as np

from tests.inference.tiny_onnx import Value, message, node, tensor_info


def _tensor(name: str, values: np.ndarray) -> bytes:
    """A TensorProto of float32."""
    dims = [(1, size) for size in values.shape]
    return message(*dims, (2, 1), (8, name), (9, values.astype("<f4").tobytes()))


def tiny_dfm(picture: np.ndarray, *, morph: bool = False, mask: float = 1.0) -> bytes:
    """picture: uint8 (S, S, 3) BGR. morph: with the second input. mask: what its masks say everywhere."""
    side = picture.shape[0]
    face = picture[None].astype(np.float32) / 255.0
    plane = np.full((1, side, side, 1), mask, np.float32)
    inputs = [tensor_info("in_face:0", 1, side, side, 3)] + [tensor_info("morph_value:0", 1)] * morph
    outputs = {"out_face_mask:0": plane, "out_celeb_face:0": face, "out_celeb_face_mask:0": plane}
    nothing = np.zeros(1, np.float32)
    fields: list[tuple[int, Value]] = [(5, _tensor("nothing", nothing))]
    # The face depends on what is shown in form only, as the inputs of a real model do in earnest.
    fields += [(1, node("Mul", ["in_face:0", "nothing"], ["black"]))]
    for index, (name, values) in enumerate(outputs.items()):
        fields += [(5, _tensor(f"values{index}", values))]
        if "celeb_face:" in name:
            fields += [(1, node("Add", ["black", f"values{index}"], [name]))]
        else:
            fields += [(1, node("Identity", [f"values{index}"], [name]))]
    fields += [(2, "tiny"), *((11, one) for one in inputs)]
    fields += [(12, tensor_info(name, *values.shape)) for name, values in outputs.items()]
    return message((1, 8), (7, message(*fields)), (8, message((1, ""), (2, 17))))
