#!/usr/bin/env python3
"""Writes control-plane/src/domain/common-passwords.txt.gz: passwords that people choose first, made here from common
words, keyboard walks, repetitions and the endings that are added to them. No list of anybody's leaked passwords is used.

    config/dev/common-passwords.py
"""
import gzip
import pathlib

WORDS = """
password passwort motdepasse contrasena senha parola wachtwoord secret geheim access admin administrator root master
login signin welcome willkommen bienvenue hello hallo bonjour hola letmein iloveyou ilovemyself iloveme loveyou lovely
love forever always family princess prince queen king angel baby babygirl babyboy sweetheart honey sugar cookie
chocolate butterfly flower sunshine sunflower rainbow summer winter spring autumn january february march april may june
july august september october november december monday tuesday wednesday thursday friday saturday sunday morning
football baseball basketball hockey soccer tennis volleyball cricket rugby liverpool arsenal chelsea manchester
barcelona realmadrid juventus bayern dortmund yankees lakers cowboys steelers eagles rangers dragon tiger lion panther
monkey donkey dolphin rabbit horse kitten kitty puppy doggy buster bailey charlie lucky shadow smokey ginger pepper
superman batman spiderman wonderwoman starwars pokemon pikachu naruto minecraft fortnite playstation nintendo xbox
computer internet laptop desktop windows android iphone apple google facebook samsung microsoft linux ubuntu server
database network system backup change changeme changethis temp temporary test testing tester guest user default
demo example sample trustno1 whatever nothing something anything freedom liberty america england germany france italy
spain poland sweden norway denmark finland canada mexico brazil india china japan australia london paris berlin madrid
newyork california texas florida chicago boston hospital doctor doctors nurse nurses patient patients clinic clinical
medicine medical medico health healthcare healthy surgery surgeon pharmacy pharmacist ambulance emergency cardiology
radiology pediatrics oncology dentist dental therapy therapist insurance ward reception auscult stethoscope
james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark donald
steven paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary nicholas eric
jonathan stephen larry justin scott brandon benjamin samuel frank gregory raymond alexander patrick jack dennis jerry
mary patricia jennifer linda elizabeth barbara susan jessica sarah karen nancy lisa betty margaret sandra ashley dorothy
kimberly emily donna michelle carol amanda melissa deborah stephanie rebecca sharon laura cynthia kathleen amy shirley
angela helen anna brenda pamela nicole samantha katherine emma ruth christine catherine debra rachel carolyn janet maria
heather diane virginia julie joyce victoria olivia kelly christina lauren joan evelyn judith megan andrea cheryl hannah
jacqueline martha gloria teresa sara madison frances kathryn janice jean alice sophia grace denise amber isabella
mustang ferrari porsche mercedes bmw toyota honda harley yamaha corvette chevrolet guitar drummer music metallica
nirvana eminem beatles jordan tigger snoopy garfield mickey minnie donald winnie peanut pumpkin banana orange cherry
strawberry blueberry pineapple coffee cheese chicken pizza hamburger diamond silver golden purple yellow orange crystal
phoenix thunder lightning hunter ranger warrior soldier marine fireman police killer slayer ninja samurai wizard magic
mystic matrix zombie vampire jesus christ church heaven blessed faith hope peace trust spirit angels genesis
""".split()

WALKS = """
qwerty qwertyui qwertyuiop qwertz qwertzuiop azerty azertyuiop asdfgh asdfghjk asdfghjkl zxcvbn zxcvbnm yxcvbnm
qazwsx qazwsxedc qazwsxedcrfv 1qaz2wsx 1qaz2wsx3edc 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y q1w2e3r4 q1w2e3r4t5 zaq12wsx
zaq1zaq1 qweasd qweasdzxc asdzxc poiuytrewq lkjhgfdsa mnbvcxz qwer1234 asdf1234 zxcv1234 qwerasdf qwerasdfzxcv
abcdef abcdefg abcdefgh abcdefghi abcdefghij abcdefghijkl abc123 abcd1234 a1b2c3d4 a1b2c3d4e5 aabbccdd 1a2b3c4d
""".split()

DIGITS = """
12345678 123456789 1234567890 12345678910 123456789012 1234567891011 0123456789 01234567890 87654321 987654321 9876543210
0987654321 098765432109 11223344 1122334455 112233445566 12341234 123412341234 12312312 123123123 123123123123 12344321
123454321 123321123 147258369 159357258 147852369 789456123 741852963 963852741 13579246 1357924680 24681357 2468013579
""".split()

ENDINGS = ["", "1", "12", "123", "1234", "12345", "123456", "1234567", "12345678", "123456789", "!", "!!", "1!", "123!",
           "01", "007", "69", "99", "00", "2000", "2020", "2021", "2022", "2023", "2024", "2025", "2026"]
SHORTEST = 4


def passwords():
    for word in WORDS + WALKS:
        for ending in ENDINGS:
            yield word + ending
        yield word + word
        yield "my" + word
        yield "the" + word
        yield "ilove" + word
    yield from DIGITS
    for digits in ("123", "12345", "123456"):
        for word in WORDS + WALKS:
            yield digits + word
    for character in "abcdefghijklmnopqrstuvwxyz0123456789!*.-":
        for length in range(8, 21):
            yield character * length
    for pair in ("ab", "12", "10", "01", "xy", "69", "qw", "as", "00", "98"):
        for length in range(4, 11):
            yield pair * length


def main():
    lines = sorted({password.lower() for password in passwords() if len(password) >= SHORTEST})
    target = pathlib.Path(__file__).resolve().parents[2] / "control-plane/src/domain/common-passwords.txt.gz"
    data = gzip.compress(("\n".join(lines) + "\n").encode(), 9, mtime=0)
    target.write_bytes(data)
    print(f"{len(lines)} passwords, {len(data)} bytes")


main()
