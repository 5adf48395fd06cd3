"""What they are called and what they say to each other."""

FIRST_NAMES = (
    "Amara", "Anton", "Ayesha", "Bela", "Bjorn", "Carla", "Chen", "Dario", "Dina", "Edda",
    "Elif", "Emil", "Esra", "Farid", "Fiona", "Gita", "Hana", "Henrik", "Ida", "Ilja", "Imani",
    "Ines", "Jamal", "Jonas", "Jule", "Kaito", "Karin", "Kofi", "Lea", "Leon", "Lin", "Luca",
    "Maja", "Marek", "Mina", "Nadia", "Nils", "Noor", "Olga", "Omar", "Paula", "Pavel", "Petra",
    "Quinn", "Rahel", "Rosa", "Samir", "Sanna", "Tarek", "Thea", "Tomas", "Uma", "Vera",
    "Viktor", "Wanda", "Yara", "Yusuf", "Zoe",
)  # fmt: skip
LAST_NAMES = (
    "Abe", "Adler", "Bakker", "Berg", "Brandt", "Castro", "Costa", "Demir", "Diaz", "Duarte",
    "Egger", "Fischer", "Fontaine", "Garcia", "Grimm", "Haas", "Hansen", "Ibrahim", "Ivanov",
    "Jensen", "Kaya", "Keller", "Kim", "Kovac", "Lang", "Larsen", "Lopez", "Maier", "Mbeki",
    "Moreau", "Nagy", "Novak", "Nguyen", "Olsen", "Petrov", "Pohl", "Rossi", "Sato", "Silva",
    "Sommer", "Tanaka", "Urban", "Vogel", "Weber", "Wolf", "Yilmaz", "Zimmer",
)  # fmt: skip

THINGS = (
    "the spring catalogue", "the broken rim", "the invoice from March", "the new price list",
    "the delivery to Porto", "the trade fair stand", "the brake recall", "the stock count",
    "the late shift", "the customer in Bergen", "the warranty case", "the frame drawings",
    "the login trouble", "the travel plan", "the quarter's figures", "the courier strike",
    "the first-aid course", "the tyre samples", "the returned parcels", "the safety briefing",
)  # fmt: skip

THANKS = (
    # what is said, and the values that it shows
    ("Thank you for staying with {thing} until it was done.", ("follow-through",)),
    ("You answered within minutes about {thing}. That saved our day!", ("availability",)),
    ("Thank you for telling us early that {thing} would be late.", ("honesty",)),
    ("The way you handled {thing} was first class.", ("quality",)),
    ("You saw that {thing} needed somebody, and did not wait to be asked.", ("initiative",)),
    ("Thank you for showing me how {thing} works.", ("cross-training",)),
    ("You kept everybody smiling through {thing}.", ("positive-attitude",)),
    ("You really listened when I came to you with {thing}.", ("active-listening",)),
    ("Everybody should know how much you did for {thing}.", ("recognition",)),
    ("{thing} went out without a single mistake, thanks to you.", ("quality", "follow-through")),
    ("You jumped in for {thing} although it was not your job.", ("initiative", "availability")),
    ("Thank you! Without you {thing} would still be open.", ()),
)
PLEASES = (
    ("Please help me with {thing}.", "help"),
    ("Please could you look over {thing} before it leaves the house?", "review"),
    ("Please send me what you know about {thing}.", "information"),
    ("Please tell us until when {thing} can be ready.", "date"),
    ("Please lend us a pair of hands for {thing}.", "help"),
)
