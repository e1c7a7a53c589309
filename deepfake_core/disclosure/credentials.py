"""The certificate that signs provenance manifests: the user's own, or a local one made on first use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from platformdirs import user_config_path

from deepfake_core.identities import keys

CERTIFICATES, KEY = "provenance-certificates.pem", "provenance-key.pem"
LOCAL_NAME = "OBS Deepfake, local certificate"
_VALID = timedelta(days=3650)
_MAX_BYTES = 100_000


class CredentialsUnusable(ValueError):
    """Certificate or key cannot sign; the text is one sentence with the cure."""


@dataclass(frozen=True)
class Credentials:
    """A chain of certificates (PEM, the signer's first), its private key (PEM) and the C2PA name of its algorithm.

    `local`: made on this machine; nobody vouches for the name in it, it only shows that a file was not changed.
    """

    certificates: bytes
    key: bytes
    algorithm: str
    local: bool

    @property
    def description(self) -> str:
        """Who signs, plainly."""
        if self.local:
            return "a local certificate made on this machine: it shows changes to the file, not who made it"
        subject = x509.load_pem_x509_certificate(self.certificates).subject
        return f"the certificate of {subject.rfc4514_string()}"


def chosen_credentials(certificates: Path | None, key: Path | None) -> Credentials:
    """The user's own certificate where both files are given, else the local one; raises CredentialsUnusable or
    keys.KeyRefused."""
    if certificates is not None and key is not None:
        return own_credentials(certificates, key)
    if certificates is not None or key is not None:
        raise CredentialsUnusable("A certificate and its key belong together; give both files or none.")
    return local_credentials()


def own_credentials(certificates: Path, key: Path) -> Credentials:
    """The user's own certificate chain and private key, both PEM; raises CredentialsUnusable."""
    chain, private = _read(certificates), _read(key)
    try:
        certificate = x509.load_pem_x509_certificate(chain)
        loaded = load_pem_private_key(private, None)
        public = certificate.public_key()
        if loaded.public_key() != public:
            raise CredentialsUnusable(f"{key} is not the key of {certificates}; give the pair that belongs together.")
    except (ValueError, TypeError) as error:
        if isinstance(error, CredentialsUnusable):
            raise
        raise CredentialsUnusable(
            f"{certificates} or {key} is not an unencrypted PEM file ({error}); convert it with openssl."
        ) from error
    return Credentials(chain, private, _algorithm(public, certificates), local=False)


def local_credentials(folder: Path | None = None) -> Credentials:
    """The local certificate in `folder` (the user's own by default), made there on first use; raises
    CredentialsUnusable or keys.KeyRefused.

    C2PA wants a signer's certificate that another one issued: a root is made with it, its key forgotten at once.
    """
    folder = folder or user_config_path("obs-deepfake")
    chain, key = folder / CERTIFICATES, folder / KEY
    if not chain.exists() and not key.exists():
        _make_local(chain, key)
    if not (chain.is_file() and key.is_file()):
        raise CredentialsUnusable(f"{folder} holds only one of {CERTIFICATES} and {KEY}; delete it to make a new pair.")
    return Credentials(_read(chain), _read(key), "ed25519", local=True)


def _make_local(chain: Path, key_path: Path) -> None:
    root_key, key = Ed25519PrivateKey.generate(), keys.make(key_path)
    root_name, name = _name(f"{LOCAL_NAME} (root)"), _name(LOCAL_NAME)
    now = datetime.now(UTC)

    def builder(subject: x509.Name, public_key: Ed25519PrivateKey, *, authority: bool) -> x509.CertificateBuilder:
        usage = x509.KeyUsage(
            digital_signature=not authority,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=authority,
            crl_sign=authority,
            encipher_only=False,
            decipher_only=False,
        )
        own = public_key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(own)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + _VALID)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
        )

    root = builder(root_name, root_key, authority=True).sign(root_key, None)
    leaf = (
        builder(name, key, authority=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, None)
    )
    chain.write_bytes(leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM))


def _name(common: str) -> x509.Name:
    names = {NameOID.COMMON_NAME: common, NameOID.ORGANIZATION_NAME: LOCAL_NAME}
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in names.items()])


def _algorithm(public: object, path: Path) -> str:
    """The name that C2PA gives to signatures with this public key."""
    kind, curve = type(public).__name__, getattr(getattr(public, "curve", None), "name", "")
    for part, algorithm in (("Ed25519", "ed25519"), ("RSA", "ps256")):
        if part in kind:
            return algorithm
    algorithms = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
    if curve not in algorithms:
        raise CredentialsUnusable(f"{path} holds a key of a kind that C2PA does not allow; use Ed25519 or P-256.")
    return algorithms[curve]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise CredentialsUnusable(f"{path} cannot be read ({error.strerror}); give the path of a PEM file.") from error
    if len(data) > _MAX_BYTES:
        raise CredentialsUnusable(f"{path} is larger than any certificate; give the path of a PEM file.")
    return data
