/** Passkeys: the JSON forms of WebAuthn level 3 on one side, the browser's buffers on the other. Written out because
 *  `parseCreationOptionsFromJSON` and `toJSON` are newer than the oldest browsers we serve. */

import type { PasskeyChallengeView } from "../api/schema";
import type { ErrorCode } from "./errors";

/** Why the browser made or used no passkey. */
export class PasskeyError extends Error {
  override readonly name = "PasskeyError";

  constructor(readonly code: ErrorCode) {
    super(code);
  }
}

export type CreationOptions = PublicKeyCredentialCreationOptionsJSON;
export type RequestOptions = PublicKeyCredentialRequestOptionsJSON;

/** What the server asks a passkey for. */
export interface Challenge<O> extends Omit<PasskeyChallengeView, "options"> {
  options: O;
}

export function passkeysSupported(): boolean {
  return typeof PublicKeyCredential === "function";
}

/** Makes a passkey on this device or a security key; what it returns is for the server. */
export async function createPasskey(options: CreationOptions): Promise<RegistrationResponseJSON> {
  const { challenge, user, excludeCredentials = [], rp, pubKeyCredParams, authenticatorSelection, timeout } = options;
  const publicKey = {
    rp,
    pubKeyCredParams,
    ...(authenticatorSelection && { authenticatorSelection }),
    ...(timeout !== undefined && { timeout }),
    challenge: bytes(challenge),
    user: { ...user, id: bytes(user.id) },
    excludeCredentials: excludeCredentials.map(descriptor),
  };
  const credential = await asked(() => navigator.credentials.create({ publicKey }));
  const response = credential.response as AuthenticatorAttestationResponse;
  return {
    ...common(credential),
    response: {
      clientDataJSON: text(response.clientDataJSON),
      attestationObject: text(response.attestationObject),
      authenticatorData: text(response.getAuthenticatorData()),
      publicKeyAlgorithm: response.getPublicKeyAlgorithm(),
      transports: response.getTransports(),
    },
  };
}

/** Proves that a passkey is here. */
export async function provePasskey(options: RequestOptions): Promise<AuthenticationResponseJSON> {
  const { challenge, allowCredentials = [], rpId, timeout, userVerification } = options;
  const publicKey = {
    ...(rpId !== undefined && { rpId }),
    ...(timeout !== undefined && { timeout }),
    ...(userVerification !== undefined && { userVerification: userVerification as UserVerificationRequirement }),
    challenge: bytes(challenge),
    allowCredentials: allowCredentials.map(descriptor),
  };
  const credential = await asked(() => navigator.credentials.get({ publicKey }));
  const response = credential.response as AuthenticatorAssertionResponse;
  return {
    ...common(credential),
    response: {
      clientDataJSON: text(response.clientDataJSON),
      authenticatorData: text(response.authenticatorData),
      signature: text(response.signature),
      ...(response.userHandle && { userHandle: text(response.userHandle) }),
    },
  };
}

async function asked(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  if (!passkeysSupported()) throw new PasskeyError("passkey_unsupported");
  const credential = await ask().catch((error: unknown) => {
    const name = error instanceof DOMException ? error.name : "";
    throw new PasskeyError(name === "InvalidStateError" ? "passkey_known" : "passkey_cancelled");
  });
  if (credential === null) throw new PasskeyError("passkey_cancelled");
  return credential as PublicKeyCredential;
}

function common(credential: PublicKeyCredential) {
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    clientExtensionResults: {},
    ...(credential.authenticatorAttachment !== null && { authenticatorAttachment: credential.authenticatorAttachment }),
  };
}

function descriptor({ id, transports }: PublicKeyCredentialDescriptorJSON): PublicKeyCredentialDescriptor {
  return {
    type: "public-key",
    id: bytes(id),
    ...(transports && { transports: transports as AuthenticatorTransport[] }),
  };
}

/** From base64url without padding. */
function bytes(encoded: string): Uint8Array<ArrayBuffer> {
  const binary = atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** To base64url without padding. */
function text(buffer: ArrayBuffer): string {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
