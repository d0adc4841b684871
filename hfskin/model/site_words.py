"""Sites as people write them, in English, German, Spanish, French and Vietnamese: "left forearm", "Rücken".

A word that may be several of our sites, as shoulder, flank, buttock or tay (arm or hand), is none of them.
"""

import re
from collections.abc import Iterator

_PLACES = {
    "abdomen": "belly, tummy, stomach, navel, bauch, bauchnabel, vientre, barriga, ombligo, ventre, nombril",
    "acral": "palm, palms, palmar, sole, soles, plantar, handfläche, handteller, fußsohle, palma, planta, paume, "
    "plante",
    "back": "upper back, lower back, spine, posterior trunk, posterior torso, dorsal trunk, rücken, wirbelsäule, "
    "espalda, dorso, tronco posterior, dos, tronc postérieur",
    "chest": "breast, sternum, brust, brustkorb, dekolleté, pecho, esternón, poitrine, décolleté",
    "ear": "earlobe, ohr, ohrläppchen, ohrmuschel, oreja, oreille",
    "face": "cheek, forehead, nose, chin, temple, lip, eyelid, eyebrow, jaw, gesicht, wange, stirn, nase, kinn, "
    "schläfe, lippe, oberlippe, unterlippe, augenlid, oberlid, unterlid, augenbraue, cara, rostro, mejilla, frente, "
    "nariz, mentón, barbilla, labio, párpado, ceja, sien, visage, joue, nez, menton, lèvre, paupière, tempe, sourcil",
    "foot": "feet, toe, toes, heel, instep, fuß, fußrücken, zeh, zehe, großzehe, ferse, pie, talón, "
    "empeine, pied, orteil",
    "genital": "genitals, penis, vulva, scrotum, genitalbereich, genitales, génitaux, organes génitaux",
    "hand": "hands, finger, fingers, thumb, knuckle, handrücken, zeigefinger, daumen, mano, pulgar, main, doigt, pouce",
    "lower extremity": "leg, legs, lower limb, lower limbs, lower leg, upper leg, thigh, calf, shin, knee, lle, rle, "
    "bein, oberschenkel, unterschenkel, wade, schienbein, knie, kniekehle, pierna, muslo, pantorrilla, rodilla, "
    "extremidad inferior, miembro inferior, jambe, cuisse, mollet, genou, membre inférieur",
    "neck": "nape, hals, nacken, cuello, nuca, cou, nuque",
    "scalp": "kopfhaut, cuero cabelludo, cuir chevelu",
    "trunk": "torso, rumpf, tronco, tronc",
    "upper extremity": "arm, arms, upper limb, upper limbs, upper arm, lower arm, forearm, elbow, lue, rue, "
    "oberarm, unterarm, ellenbogen, brazo, antebrazo, codo, extremidad superior, miembro "
    "superior, bras, avant bras, coude, membre supérieur",
}
_VIETNAMESE = {  # whose words are others without their accents
    "abdomen": "bụng, rốn",
    "acral": "lòng bàn tay, lòng bàn chân, gan bàn tay, gan bàn chân",
    "back": "lưng, sau lưng, lưng trên, lưng dưới",
    "chest": "ngực",
    "ear": "tai, vành tai, dái tai",
    "face": "mặt, má, mũi, trán, cằm, môi, mí mắt, thái dương",
    "foot": "bàn chân, mu bàn chân, ngón chân, gót chân",
    "genital": "bộ phận sinh dục",
    "hand": "bàn tay, mu bàn tay, ngón tay",
    "lower extremity": "chi dưới, đùi, cẳng chân, bắp chân, đầu gối",
    "neck": "cổ, gáy",
    "scalp": "da đầu",
    "trunk": "thân, thân mình",
    "upper extremity": "chi trên, cánh tay, cẳng tay, khuỷu tay",
}
# Which of two places counts where a text names both, as "trunk, back": the narrower.
_WITHIN = {
    "trunk": {"abdomen", "back", "chest"},
    "lower extremity": {"foot", "acral"},
    "upper extremity": {"hand", "acral"},
    "hand": {"acral"},
    "foot": {"acral"},
}
# Words that leave the place as it is.
_FILLERS = (
    "left right l r lt rt upper lower mid middle central medial lateral inner outer anterior posterior dorsal ventral "
    "distal proximal front big the a of on my side surface "
    "links rechts linke linker linkes rechte rechter rechtes li re obere oberer oberes untere unterer unteres mitte "
    "mittlere mittlerer am an der die das des seitlich vorne hinten "
    "izquierdo izquierda derecho derecha izq dcho dcha superior inferior alta baja media lateral interno interna "
    "externo externa el la los las de del en lado parte dedo "
    "gauche droit droite supérieur supérieure inférieur inférieure haut bas interne externe le les du l d au sur côté "
    "trái phải bên vùng ở"
)
_PART = re.compile(r"\b(back|front|side|top|tip|base|bridge|dorsum|dorso|dos|punta|face \w+|cara \w+) (of|del?|du) ")
_APART = re.compile(r"[,;:()]")
_LONGEST = 3  # words of a place
_MOST = 100  # characters of a text; what is longer is a story


def site_in_words(text: str) -> str | None:
    """The one of `SITES` that a text names; None where it holds an unknown word, no place or several.

    Args:
        text: in small letters, composed, with single spaces.
    """
    found: set[str] = set()
    if len(text) > _MOST:
        return None
    for part in _APART.split(text):
        for site in _sites(_PART.sub("", part.strip() + " ").replace("'", " ").replace("\u2019", " ").split()):
            if site is None:
                return None
            found.add(site)
    found -= {site for site in found if _WITHIN.get(site, set()) & found}
    return found.pop() if len(found) == 1 else None


def _sites(words: list[str]) -> Iterator[str | None]:
    """The site of each place in a row of words, the longest first; None for a word that is not known."""
    words = [word.strip(".") for word in words]
    while words:
        lengths = range(min(_LONGEST, len(words)), 0, -1)
        count = next((n for n in lengths if " ".join(words[:n]) in _SITES), 0)
        if count or words[0] not in _FILLING:
            yield _SITES.get(" ".join(words[:count]))
        words = words[count or 1 :]


_PLAIN = str.maketrans("áàâéèêíóúñôû", "aaaeeeiounou")
_UMLAUTS = (
    str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}),
    str.maketrans({"ä": "a", "ö": "o", "ü": "u", "ß": "ss"}),
)


def _spellings(word: str) -> set[str]:
    """A word as keyboards without accents write it, too."""
    plain = word.translate(_PLAIN)
    return {word, *(plain.translate(umlauts) for umlauts in _UMLAUTS)}


_SITES = {
    spelling: site
    for site, words in _PLACES.items()
    for word in [site, *words.split(", ")]
    for spelling in _spellings(word)
} | {word: site for site, words in _VIETNAMESE.items() for word in words.split(", ")}
_FILLING = {spelling for word in _FILLERS.split() for spelling in _spellings(word)}
