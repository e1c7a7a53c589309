"""What the swap network is trained on."""

from __future__ import annotations

import tensorflow as tf

from deepfake_core.training.configuration import Configuration


def swap_loss(
    outputs: dict[str, tf.Tensor], truth: dict[str, tf.Tensor], template: tf.Tensor, settings: Configuration
) -> dict[str, tf.Tensor]:
    """Scalar losses by name; "total" is their weighted sum.

    outputs, template: centred reflectance and matte as the decoder gives and takes them, (B, 128, 128, C);
    truth: "target" (centred reflectance), "face" and "emphasis" (0..1). Pictures count inside the slightly grown
    face, eyes and mouth more; colours, their gradients and their local structure alike.
    """
    picture, target = outputs["reflectance"], truth["target"]
    inside = tf.nn.max_pool2d(truth["face"], 7, 1, "SAME")
    weight = inside * (1.0 + settings.emphasis * truth["emphasis"])
    # Reflectance spans 2 where pictures span 1: halved, the weights keep the meaning they have for pictures.
    colour = _mean(tf.abs(picture - target) / 2.0, weight)
    gradient = _gradient_loss(picture / 2.0, target / 2.0, weight)
    structure = _mean(1.0 - structural_similarity(picture / 2.0, target / 2.0), weight)
    matte = tf.clip_by_value(outputs["matte"], 1e-4, 1.0 - 1e-4)
    entropy = -tf.reduce_mean(truth["face"] * tf.math.log(matte) + (1.0 - truth["face"]) * tf.math.log(1.0 - matte))
    outside = _mean(tf.abs(picture - template) / 2.0, 1.0 - inside)
    total = (
        settings.colour_weight * colour
        + settings.gradient_weight * gradient
        + settings.structure_weight * structure
        + settings.matte_weight * entropy
        + settings.outside_weight * outside
    )
    return {"total": total, "colour": colour, "gradient": gradient, "structure": structure, "matte": entropy}


def structural_similarity(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """SSIM with a 7 px box window per pixel and channel (Wang et al., 2004); pictures span 1."""

    def mean(x: tf.Tensor) -> tf.Tensor:
        return tf.nn.avg_pool2d(x, 7, 1, "SAME")

    mean_a, mean_b = mean(a), mean(b)
    variance_a, variance_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    # Reflectance is centred on 0; the luminance term needs values that are not.
    mean_a, mean_b = mean_a + 0.5, mean_b + 0.5
    luminance = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
    return luminance * (2 * covariance + 9e-4) / (variance_a + variance_b + 9e-4)


def _mean(values: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    channels = tf.cast(tf.shape(values)[-1], tf.float32)
    return tf.reduce_sum(values * weight) / (tf.reduce_sum(weight) * channels + 1.0)


def _gradient_loss(picture: tf.Tensor, target: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    difference = picture - target
    across = tf.abs(difference[:, :, 1:] - difference[:, :, :-1])
    down = tf.abs(difference[:, 1:] - difference[:, :-1])
    return _mean(across, weight[:, :, 1:]) + _mean(down, weight[:, 1:])
