/** A doctor and a patient, each in a browser of their own, in an active consultation. */
import type { Page } from "playwright-core";
import { type OpenBrowser, openChromium } from "./browser";
import { openConsultation, Person } from "./person";
import { Server } from "./server";
import { makeVoice, type Voice } from "./voices";
import { session } from "../../src/locales/en/session";

export interface Member {
  person: Person;
  page: Page;
  browser: OpenBrowser;
  voice: Voice;
  /** `par_…`, once in the consultation. */
  id: string;
}

export interface Scene {
  server: Server;
  doctor: Member;
  patient: Member;
  consultation: string;
  /** When the consultation was started, milliseconds since the epoch. */
  startedAt: number;
  close(): Promise<void>;
}

interface SceneOptions {
  /** Which dialogue the two speak. */
  dialogue?: string;
  /** Seconds of silence before they speak. */
  lead?: number;
  env?: Record<string, string>;
  /** MJPEG files for the cameras. */
  cameras?: { doctor: string; patient: string };
}

/** Both have signed in, the consultation is active, nobody is in the lobby yet. */
export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const { dialogue = "d01", lead = 12, env = {}, cameras } = options;
  const voices = { doctor: makeVoice(dialogue, "doctor", { lead }), patient: makeVoice(dialogue, "patient", { lead }) };
  const [server, ...browsers] = await Promise.all([
    Server.start({ env }),
    openChromium({ microphone: voices.doctor.file, ...(cameras && { camera: cameras.doctor }) }),
    openChromium({ microphone: voices.patient.file, ...(cameras && { camera: cameras.patient }) }),
  ]);
  const close = async () => {
    await Promise.all(browsers.map(({ browser }) => browser.close()));
    await server.stop();
  };
  try {
    const [doctorBrowser, patientBrowser] = browsers;
    const doctor = new Person(doctorBrowser.page, server);
    const patient = new Person(patientBrowser.page, server);
    await Promise.all([doctor.signIn(server.account("doctor")), patient.signIn(server.account("patient"))]);
    const { id, started_at } = await openConsultation(doctor, patient);
    const idOf = async (person: Person) =>
      (await person.api<{ participant_id: string }>("GET", `/consultations/${id}`)).participant_id;
    const member = async (person: Person, browser: OpenBrowser, voice: Voice): Promise<Member> => ({
      person,
      page: browser.page,
      browser,
      voice,
      id: await idOf(person),
    });
    return {
      server,
      doctor: await member(doctor, doctorBrowser, voices.doctor),
      patient: await member(patient, patientBrowser, voices.patient),
      consultation: id,
      startedAt: started_at ?? 0,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Both go through the lobby and into the call. */
export async function joinBoth(scene: Scene, options: { captions?: boolean } = {}): Promise<void> {
  await Promise.all(
    [scene.doctor, scene.patient].map(async ({ person }) => {
      await person.enterLobby(scene.consultation);
      await person.join(options);
    }),
  );
  await Promise.all([scene.doctor.person.sees(1), scene.patient.person.sees(1)]);
}

/** Opens an invitation and gives a name; the lobby comes next, unless the invitation is refused. */
export async function enterAsGuest({ page }: OpenBrowser, url: string, name: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel(session.guestName).fill(name);
  await page.getByRole("button", { name: session.guestJoin }).click();
}
