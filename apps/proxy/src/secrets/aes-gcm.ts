import { createCipheriv, createDecipheriv } from "node:crypto";

const CIPHER = "aes-256-gcm";
/** Bytes of a key. */
export const KEY_LENGTH = 32;
/** Bytes of a nonce: the one length for which GCM's counter is unambiguous. */
export const NONCE_LENGTH = 12;
/** Bytes of a tag. Node accepts shorter tags unless told otherwise, and a 4-byte tag can be guessed. */
export const TAG_LENGTH = 16;

/** Encrypts with AES-256-GCM; returns ciphertext ‖ tag. The caller never uses a nonce twice with one key. */
export function encryptAesGcm(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Buffer {
  checkLengths(key, nonce);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_LENGTH });
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Decrypts ciphertext ‖ tag. Throws, and gives out no byte, when anything is not as it was encrypted. */
export function decryptAesGcm(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Buffer {
  checkLengths(key, nonce);
  if (sealed.length < TAG_LENGTH) throw new RangeError("the ciphertext is shorter than its tag");
  const end = sealed.length - TAG_LENGTH;
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_LENGTH });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = decipher.update(sealed.subarray(0, end));
  try {
    return Buffer.concat([plaintext, decipher.final()]);
  } finally {
    // GCM decrypts before it verifies: what it made must not stay behind, whether it was authentic or not.
    plaintext.fill(0);
  }
}

function checkLengths(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== KEY_LENGTH) throw new RangeError(`the key must have ${KEY_LENGTH} bytes`);
  if (nonce.length !== NONCE_LENGTH) throw new RangeError(`the nonce must have ${NONCE_LENGTH} bytes`);
}
