import { call } from "./call";
import { consultation } from "./consultation";
import { errors } from "./errors";
import { frame } from "./frame";
import { session } from "./session";
import { ui } from "./ui";

export const en = { ui, frame, session, consultation, call, errors };
