"""Make models/facemesh/*.onnx from the TFLite networks inside the pinned mediapipe wheel.

    python3 tools/convert_facemesh.py                 # mediapipe as installed in .venv-reference
    python3 tools/convert_facemesh.py --wheel FILE    # a mediapipe 0.10.21 wheel of any platform

The TFLite files are checked by SHA-256, converted by tf2onnx, rewritten for speed, compared with TensorFlow's
own TFLite interpreter and listed in models/manifest.json. Run twice, it writes the same bytes.
"""

from __future__ import annotations

from environment import run_inside

run_inside("train")

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from deepfake_core.inference.manifest import MODELS_DIR, Manifest

ROOT = Path(__file__).resolve().parents[1]
MEDIAPIPE = "mediapipe 0.10.21"
OPSET = 17
# Of an output's largest value: float32 summed in another order.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Network:
    """One TFLite network of the wheel, the range of its input picture, and how many pictures a run takes."""

    path: str
    sha256: str
    low: float
    high: float
    pictures: int = 1

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return Path(self.path).stem


NETWORKS = (
    Network(
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        -1.0,
        1.0,
    ),
    Network(
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        0.0,
        1.0,
    ),
    Network(
        "mediapipe/modules/iris_landmark/iris_landmark.tflite",
        "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
        0.0,
        1.0,
        pictures=2,  # Both eyes of a face.
    ),
)


def read_tflite(network: Network, wheel: Path | None) -> bytes:
    """The network's TFLite file from `wheel` or from .venv-reference, checked by SHA-256."""
    try:
        if wheel:
            with zipfile.ZipFile(wheel) as archive:
                data = archive.read(network.path)
        else:
            # Lib on Windows, lib/pythonX.Y elsewhere.
            found = sorted((ROOT / ".venv-reference").glob(f"[lL]ib/**/site-packages/{network.path}"))
            data = found[0].read_bytes()
    except (OSError, KeyError, IndexError, zipfile.BadZipFile) as error:
        sys.exit(
            f"{network.path} is neither in .venv-reference nor in the wheel; "
            f"run 'uv run tools/test.py' once or give --wheel FILE of {MEDIAPIPE}. ({error})"
        )
    if hashlib.sha256(data).hexdigest() != network.sha256:
        sys.exit(f"{network.path} is not the file of {MEDIAPIPE}; give --wheel FILE of that version.")
    return data


def to_onnx(tflite: bytes, name: str) -> onnx.ModelProto:
    """The TFLite network as tf2onnx converts it, in a process of its own with a fixed hash seed."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "network.tflite", Path(folder) / "network.onnx"
        source.write_bytes(tflite)
        command = [sys.executable, "-m", "tf2onnx.convert", "--opset", str(OPSET)]
        command += ["--tflite", str(source), "--output", str(target)]
        done = subprocess.run(
            command, env=os.environ | {"PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False
        )
        if done.returncode != 0 or not target.is_file():
            sys.exit(f"tf2onnx could not convert {name}:\n{done.stderr[-4000:]}")
        return onnx.load(target)


def rewrite_prelu(model: onnx.ModelProto) -> int:
    """Replace each PRelu by Relu(x) * (1 - s) + x * s, the products as depthwise 1x1 convolutions.

    ONNX Runtime has no fast PRelu; convolutions and the sum it fuses. Measured for face_landmark, 1 thread:
    PRelu 4.2 ms, Mul/Mul/Add 1.75 ms, max(x, s * x) 2.5 ms (where s <= 1), convolutions 1.6 ms.
    Returns how many were replaced.
    """
    graph = model.graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    replaced = 0
    for node in graph.node:
        if node.op_type != "PRelu":
            nodes.append(node)
            continue
        x, y = node.input[0], node.output[0]
        slope = weights[node.input[1]].reshape(-1, 1, 1, 1).astype(np.float32)
        kernels = {f"{y}_negative": slope, f"{y}_positive": 1.0 - slope}
        graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in kernels.items())
        convolution = {"group": len(slope), "kernel_shape": [1, 1]}
        nodes += [
            helper.make_node("Relu", [x], [f"{y}_relu"]),
            helper.make_node("Conv", [f"{y}_relu", f"{y}_positive"], [f"{y}_up"], **convolution),
            helper.make_node("Conv", [x, f"{y}_negative"], [f"{y}_down"], **convolution),
            helper.make_node("Add", [f"{y}_up", f"{y}_down"], [y]),
        ]
        replaced += 1
    del graph.node[:]
    graph.node.extend(nodes)
    return replaced


def set_pictures(model: onnx.ModelProto, pictures: int) -> None:
    """Let a network of one picture take several: its inputs, its outputs and the reshapes that name the one."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = pictures
    shapes = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    for tensor in model.graph.initializer:
        if tensor.name in shapes:
            shape = numpy_helper.to_array(tensor).copy()
            shape[0] = pictures
            tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))


def canonical(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network with unused weights dropped and inner names numbered, so that the bytes repeat."""
    graph = model.graph
    fixed = {value.name for value in (*graph.input, *graph.output)}
    names: dict[str, str] = {"": ""}
    for node in graph.node:
        for name in (*node.input, *node.output):
            names.setdefault(name, name if name in fixed else f"t{len(names)}")
    for index, node in enumerate(graph.node):
        renamed = [names[name] for name in node.input], [names[name] for name in node.output]
        node.input[:], node.output[:] = renamed
        node.name, node.doc_string = f"n{index}", ""
    used = [tensor for tensor in graph.initializer if tensor.name in names]
    for tensor in used:
        tensor.name = names[tensor.name]
    used.sort(key=lambda tensor: tensor.name)
    del graph.initializer[:]
    graph.initializer.extend(used)
    del graph.value_info[:]
    graph.doc_string = model.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    return model


def compare(tflite: bytes, model: bytes, network: Network) -> float:
    """The largest difference to TensorFlow's TFLite interpreter on four noise pictures, as a share of range."""
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_content=tflite, num_threads=1)
    interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    noise, worst = np.random.default_rng(0), 0.0
    for _ in range(4):
        pictures = noise.uniform(network.low, network.high, (network.pictures, *place["shape"][1:])).astype(np.float32)
        wanted: dict[str, list[np.ndarray]] = {out["name"]: [] for out in interpreter.get_output_details()}
        for picture in pictures:
            interpreter.set_tensor(place["index"], picture[None])
            interpreter.invoke()
            for out in interpreter.get_output_details():
                wanted[out["name"]].append(interpreter.get_tensor(out["index"]))
        got = session.run(None, {session.get_inputs()[0].name: pictures})
        for output, value in zip(session.get_outputs(), got, strict=True):
            reference = np.concatenate(wanted[output.name])
            worst = max(worst, float(np.abs(value - reference).max() / max(np.abs(reference).max(), 1.0)))
    return worst


def main() -> None:
    """Convert, check and list the networks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--wheel", type=Path, help=f"a wheel of {MEDIAPIPE}; default: .venv-reference")
    parser.add_argument("--models", type=Path, default=MODELS_DIR, help="the models directory to write to")
    arguments = parser.parse_args()

    folder = arguments.models / "facemesh"
    folder.mkdir(parents=True, exist_ok=True)
    for network in NETWORKS:
        tflite = read_tflite(network, arguments.wheel)
        model = to_onnx(tflite, network.name)
        replaced = rewrite_prelu(model)
        if network.pictures > 1:
            set_pictures(model, network.pictures)
        data = canonical(model).SerializeToString(deterministic=True)
        difference = compare(tflite, data, network)
        if not difference <= TOLERANCE:
            sys.exit(f"{network.name} differs from the TFLite original by {difference:.1e} of its range.")
        target = folder / f"{network.name}.onnx"
        target.write_bytes(data)
        entry = Manifest.add(
            target,
            licence="Apache-2.0",
            source=f"{MEDIAPIPE}, {network.path}, Google",
            made_by="python3 tools/convert_facemesh.py",
            models_dir=arguments.models,
        )
        print(
            f"{entry.path}: {entry.bytes} bytes, {replaced} PReLU rewritten, "
            f"differs by {difference:.1e} of its range, sha256 {entry.sha256}"
        )


if __name__ == "__main__":
    main()
