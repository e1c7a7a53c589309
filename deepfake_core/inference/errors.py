"""What can go wrong with a model, one class per cause; each text names the cure."""


class InferenceError(Exception):
    """Base of every error of this package."""


class ModelError(InferenceError):
    """Base of the errors about a model file, as opposed to a network that runs."""


class ModelMissing(ModelError):
    """A model, or the manifest itself, is not where it should be."""


class ModelCorrupt(ModelError):
    """A model or the manifest is not the file that was published: size, hash or content differ."""


class ModelRefused(ModelError):
    """A well-formed model that asks for something no network of this product needs."""


class NetworkFailed(InferenceError):
    """A network ran and gave no usable result (an error, NaN or infinity); show the no-result picture."""
