"""Names, words and objects that the families draw: nothing here knows a problem.

Words are lower case and plain ASCII. `word_draw` mixes everyday words with invented ones, because a model that
only ever copies known words cannot copy the odd word a newcomer types.
"""

import random

NAMES = tuple(
    """Ann Ben Cara Dan Eve Finn Gina Hugo Ida Jack Kate Leo Mia Noah Olga Paul Quinn Rosa Sam Tina Uma Vera Will Xena
    Yuri Zoe Adam Bella Carl Dora Emil Fay Greg Hana Ivan Jane Karl Lily Max Nina Oscar Pia Ray Sara Tom Ursula Vic
    Wanda Yara Zack Alice Bob Carol Dave Erin Frank Grace Henry Iris James Kim Laura Mark Nora Owen Peter Ruth Steve
    Tara Vince Wendy Amir Bao Chen Diego Elena Farah Goran Hiro Ines Jamal Keiko Luis Mei Nadia Omar Priya Raj Sofia
    Tariq Usha Viktor Wei Yusuf Zara Alan Beth Cody Dina Eric Fiona Gary Helen Ian Julia Ken Lisa Mike Nancy Oliver
    Pam Rita Sean Tess Victor Walt Abby Bill Cindy Doug Emma Fred Gwen Hank Ivy Joe Kyle Lucy Mary Ned Opal Phil
    Ralph Sue Ted Val Wes Anna Brad Clara Dean Ella Felix Gus Holly Isaac Jill Kurt Lena Miles Nick Otto Penny Ron
    Stella Troy Vince Alex Boris Chloe Derek Edna George Harry Jenny Kevin Linda Martin Natalie Olivia Pedro Rachel
    Simon Tanya Maria John Susan David Sally Tim Jim Betty Lara Milo Jonas Petra Sven Ulla Anton Bruno Celia Denis
    """.split()
)

NAMES_DISTINCT = tuple(dict.fromkeys(NAMES))  # the list may repeat itself

# Less common names, most of several tokens: a model that has only read frequent names cannot copy a newcomer's.
RARE_NAMES = tuple(
    """Theodore Thea Jan Janet Hal Harriet Halle Rex Regina Gustav Patricia Charlotte Charles Christopher Christine
    Benjamin Josephine Joanna Johannes Leander Leopold Miranda Mirabel Maxine Maximilian Evan Evelyn Samantha Samuel
    Zoltan Zelda Tomas Tobias Annika Annabel Bobby Bart Barbara Bernard Bertha Camilla Cecil Clarence Cleo Conrad
    Cordelia Daisy Dalia Damian Daphne Darius Desmond Diana Dominic Dorothy Duncan Edgar Edith Edmund Eleanor Elias
    Elliot Eloise Ernest Esther Eugene Fabian Felicity Fergus Flora Florence Francis Frederick Gabriel Gareth Gemma
    Geoffrey Gerald Gilbert Gladys Gloria Gordon Gwendolyn Hannah Harold Harvey Hazel Hector Hester Howard Humphrey
    Igor Imogen Ingrid Isabel Ismael Ivana Jacob Jasmine Jasper Jerome Jocelyn Joel Jonah Jordan Joseph Juliet Justin
    Karen Katarina Keith Kelvin Kendra Kristof Lachlan Lars Lavinia Lawrence Leona Lionel Logan Lorenzo Lucas Lydia
    Mabel Magnus Malcolm Marcus Margot Marina Marvin Matilda Melvin Mercedes Mildred Monica Morgan Muriel Nadine
    Nathan Neville Nigel Norbert Octavia Odette Oswald Ottilie Pamela Percival Phoebe Quentin Ramona Raphael Rebecca
    Reuben Roderick Roland Rosalind Rowena Rufus Russell Sabrina Salman Sebastian Sheldon Sigrid Silas Solomon Sylvia
    Tabitha Tamara Terence Thaddeus Tiffany Timothy Ulrich Valentine Vanessa Vernon Veronica Vivian Wallace Walter
    Wilfred Winifred Xavier Yasmin Yvette Zachary Zebulon Red Blue Green White Black Grey Brown""".split()
)
RARE_NAME_SHARE = 0.3
INVENTED_NAME_SHARE = 0.12

LETTER_PEOPLE = ("A", "B", "C", "D", "X", "Y", "Z", "P", "Q", "R")

# The one pair that training never shows together: a puzzle about Alice and Bob is new to the model by construction.
RESERVED_PAIR = frozenset({"Alice", "Bob"})

OBJECTS = tuple(
    """apples pears plums books pens coins cards marbles stamps stickers cookies eggs balls toys shells roses tickets
    cups plates candles oranges lemons cherries pencils erasers buttons beads stones cakes muffins bagels donuts
    candies balloons bottles boxes keys hats shirts socks photos posters magazines bananas peaches mangoes grapes
    nuts carrots potatoes tomatoes onions flowers tulips leaves sticks bricks nails screws tiles chairs tables lamps
    mugs spoons forks bags jars cans crayons notebooks folders badges medals games puzzles dolls kites robots blocks
    berries sandwiches pies tarts chocolates biscuits pancakes waffles cupcakes ribbons feathers pebbles acorns fish
    sheep chickens ducks goats rabbits pigeons rings scarves gloves caps bracelets envelopes postcards
    letters paintings drawings brushes rulers scissors markers diaries comics albums records batteries bulbs
    candlesticks clocks watches bells drums whistles flags masks umbrellas baskets buckets ropes hammers wheels
    seeds bushes pumpkins melons pineapples apricots figs dates olives peppers cucumbers beans mushrooms walnuts
    almonds cashews pretzels rolls loaves scones brownies crackers lollipops gumballs marshmallows toffees puddings
    snowballs ornaments lanterns towels pillows blankets bowls glasses pots pans knives magnets dice dominoes tokens
    trophies yo-yos trains cars trucks boats vases""".split()
)

CONTAINERS = (
    "box", "bag", "pack", "crate", "basket", "carton", "tray", "jar", "case", "row", "shelf", "bundle", "packet",
    "drawer", "bucket", "sack", "chest", "barrel", "tin", "bowl", "cupboard", "bin",
)  # fmt: skip
CONTAINERS_PLURAL = {
    "box": "boxes", "bag": "bags", "pack": "packs", "crate": "crates", "basket": "baskets", "carton": "cartons",
    "tray": "trays", "jar": "jars", "case": "cases", "row": "rows", "shelf": "shelves", "bundle": "bundles",
    "packet": "packets", "drawer": "drawers", "bucket": "buckets", "sack": "sacks", "chest": "chests",
    "barrel": "barrels", "tin": "tins", "bowl": "bowls", "cupboard": "cupboards", "bin": "bins",
}  # fmt: skip

SINGULAR_GOODS = (
    "book", "pen", "ticket", "shirt", "sandwich", "toy", "hat", "notebook", "cake", "lamp", "ball", "mug", "game",
    "bag", "chair", "cap", "pizza", "plant", "poster", "cup", "scarf", "watch", "coat", "jacket", "phone", "radio",
    "drum", "guitar", "puzzle", "doll", "kite", "tent", "table", "bowl", "vase", "clock", "camera", "backpack", "dress",
    "sweater",
)  # fmt: skip
TRAVELLERS = (
    "car", "train", "bus", "cyclist", "runner", "truck", "boat", "ship", "bike", "van", "plane", "tram", "taxi",
    "rider", "walker", "coach", "lorry", "scooter", "skater", "horse", "drone", "ferry",
)  # fmt: skip

WORDS = tuple(
    """apple pear fig plum grape lemon melon mango peach cherry orange banana berry olive onion carrot potato tomato
    pepper garlic bread butter cheese honey sugar salt water coffee tea milk juice soup salad pasta rice bean corn
    wheat flour egg bacon steak chicken turkey salmon tuna cat dog horse cow sheep goat pig rabbit mouse rat lion
    tiger bear wolf fox deer zebra camel monkey elephant giraffe kangaroo koala panda penguin eagle hawk owl crow
    robin sparrow duck goose swan snake lizard turtle frog toad spider ant bee wasp fly moth butterfly river lake
    ocean sea island mountain hill valley forest desert beach cloud rain snow storm thunder wind sun moon star
    planet comet galaxy red green blue yellow purple black white brown pink gray violet table chair desk lamp sofa
    bed mirror window door floor wall roof garden fence gate bridge road street city town village house school
    office market church castle tower museum library theater station airport harbor train plane boat ship truck car
    bicycle wagon rocket engine wheel hammer saw nail screw wrench ladder rope bucket shovel knife fork spoon plate
    bowl cup glass bottle kettle oven stove shirt pants jacket coat hat scarf glove boot shoe sock belt ring
    necklace watch pocket button zipper paper pencil pen book letter stamp envelope picture camera phone radio
    computer keyboard screen battery cable music guitar piano violin drum trumpet flute song dance story poem novel
    doctor nurse teacher farmer baker butcher driver pilot sailor soldier king queen prince knight wizard dragon
    giant dwarf pirate thief judge lawyer artist writer singer actor player winner friend brother sister mother
    father uncle cousin baby child student summer winter spring autumn morning evening night noon second minute hour
    week month year north south east west left right circle square triangle number letter word question answer
    secret dream idea memory hope fear anger joy peace war strawberry blueberry raspberry chocolate cinnamon
    pineapple watermelon avocado broccoli cucumber spaghetti sandwich umbrella elephant hippopotamus crocodile
    alligator dinosaur caterpillar dragonfly mississippi tennessee mathematics geometry algebra committee bookkeeper
    balloon cinema banana success address necessary possession parallel embarrass mountain encyclopedia refrigerator
    television newspaper basketball football volleyball university hospital restaurant supermarket neighbor language
    alphabet dictionary grammar sentence paragraph level radar civic kayak rotor madam refer noon racecar stats
    tenet""".split()
)

SENTENCES = (
    "the cat sat on the mat",
    "a quick brown fox jumps over the lazy dog",
    "we went to the market in the morning",
    "she sells sea shells by the shore",
    "my brother likes green apples",
    "the old man walked slowly home",
    "birds sing in the early light",
    "they built a small house near the river",
    "it was a cold and windy night",
    "please bring me a glass of water",
    "the train leaves at noon",
    "all that glitters is not gold",
    "i left my keys on the kitchen table",
    "music makes the evening brighter",
    "the children play in the garden after school",
    "a rolling stone gathers no moss",
    "every good story has an end",
    "the bread is still warm",
    "do not open the window",
    "our teacher reads a poem every day",
)

_ONSETS = tuple(
    "b bl br c ch cl cr d dr f fl fr g gl gr h j k l m n p pl pr qu r s sh sk sl sm sn sp st str t th tr v w z".split()
)
_NUCLEI = tuple("a e i o u ai ea ee oa oo ou".split())
_CODAS = (
    "",
    "",
    "",
    "b",
    "ck",
    "d",
    "g",
    "l",
    "ll",
    "m",
    "n",
    "nd",
    "ng",
    "nt",
    "p",
    "r",
    "rd",
    "s",
    "ss",
    "st",
    "t",
    "x",
)

INVENTED_SHARE = 0.35


def names_draw(rng: random.Random, count: int) -> list[str]:
    """Distinct names in random order, some of them rare or invented; never the reserved pair together."""
    while True:
        names = [_name_draw(rng) for _ in range(count)]
        if len(set(names)) == count and not RESERVED_PAIR.issubset(names):
            return names


def _name_draw(rng: random.Random) -> str:
    kind = rng.random()
    if kind < INVENTED_NAME_SHARE:
        return invented_word(rng).capitalize()
    return rng.choice(RARE_NAMES if kind < INVENTED_NAME_SHARE + RARE_NAME_SHARE else NAMES_DISTINCT)


def people_draw(rng: random.Random, count: int) -> list[str]:
    """Names, or now and then single letters as puzzle books use."""
    return rng.sample(LETTER_PEOPLE, count) if rng.random() < 0.1 else names_draw(rng, count)


def invented_word(rng: random.Random) -> str:
    return "".join(
        rng.choice(_ONSETS) + rng.choice(_NUCLEI) + rng.choice(_CODAS) for _ in range(rng.choice((1, 1, 2, 2, 3)))
    )


def word_draw(rng: random.Random) -> str:
    return invented_word(rng) if rng.random() < INVENTED_SHARE else rng.choice(WORDS)


def words_draw(rng: random.Random, count: int) -> list[str]:
    """Distinct words, in random order."""
    words: list[str] = []
    while len(words) < count:
        word = word_draw(rng)
        if word not in words:
            words.append(word)
    return words


def objects_draw(rng: random.Random, count: int = 1) -> list[str]:
    return rng.sample(OBJECTS, count)
