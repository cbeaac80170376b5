"""Nouns of the entity types in first sentences: what "was an American jazz pianist" is a `musicalartist`.

An entry of several words stands for phrases with the head noun of the entry in which its other words occur too: "music
genre" for "genre of electronic music". docs/corpora_sentences.md says how far the table agrees with typed titles.
"""

from collections.abc import Mapping


def _nouns(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in " ".join(text.split()).split(","))


TYPE_NOUNS: Mapping[str, tuple[str, ...]] = {
    "academicjournal": _nouns(
        """
        academic journal, scientific journal, medical journal, peer-reviewed journal, peer reviewed journal,
        research journal, law journal, mathematics journal, mathematical journal, science journal, open access
        journal, open-access journal, philosophy journal, journal
        """
    ),
    "album": _nouns("album, ep, extended play, mixtape, soundtrack, music compilation, album release"),
    "algorithm": _nouns(
        """
        algorithm, learning method, learning technique, learning model, neural network, language model,
        optimization method, optimization technique, search method, statistical model, statistical method,
        classification method, clustering method, regression method, classifier, data structure, network
        architecture, metaheuristic, heuristic, numerical method
        """
    ),
    "astronomicalobject": _nouns(
        """
        star, asteroid, planet, exoplanet, galaxy, constellation, moon, natural satellite, comet, nebula, star
        cluster, galaxy cluster, globular cluster, open cluster, star system, supernova, quasar, pulsar, black
        hole, meteorite, supergiant, white dwarf, red dwarf, brown dwarf, trans-neptunian object, astronomical
        object, lunar crater, impact crater, meteor shower, supercluster, protoplanet, magnetar, asterism
        """
    ),
    "award": _nouns("award, prize, medal, honour, honor, fellowship"),
    "band": _nouns(
        """
        band, music group, musical group, rock group, pop group, girl group, boy group, vocal group, hip hop
        group, hip-hop group, rap group, r&b group, k-pop group, pop-rock group, idol group, metal group,
        synthpop group, a cappella group, folk group, singing group, dance group, duo, trio, quartet, quintet,
        boyband, girlband, supergroup, orchestra, choir, ensemble, chorus, music project, musical project
        """
    ),
    "book": _nouns(
        """
        book, novel, novella, play, book series, novel series, textbook, anthology, memoir, autobiography,
        manga, manga series, fairy tale, trilogy, encyclopedia, biography, story collection, tragedy, essay,
        fantasy series, pamphlet, guidebook, cookbook, series of books, series of novels, collection of stories,
        collection of essays, work of fiction, non-fiction work, treatise, story
        """
    ),
    "chemicalcompound": _nouns(
        """
        compound, drug, medication, medicine, mineral, acid, salt, alloy, chemical, polymer, hydrocarbon,
        alkaloid, antibiotic, solvent, ester, amine, alcohol, oxide, steroid, hormone, vitamin, chemical
        substance, pesticide, herbicide, insecticide, antidepressant, antipsychotic, opioid, benzodiazepine,
        stimulant, analgesic, dye, sugar, gas
        """
    ),
    "chemicalelement": _nouns("element, metal, noble gas, metalloid"),
    "conference": _nouns(
        """
        academic conference, scientific conference, computer science conference, artificial intelligence
        conference, machine learning conference, learning conference, research conference, conference series,
        annual conference, international conference, symposium, workshop
        """
    ),
    "country": _nouns("country, sovereign state, nation, republic, kingdom, empire"),
    "discipline": _nouns(
        """
        branch, field, discipline, study, science, academic discipline, area of study, subfield, sub-discipline,
        subdiscipline, field of study, specialty
        """
    ),
    "election": _nouns("election, by-election, referendum, primary, runoff"),
    "enzyme": _nouns(
        """
        enzyme, protease, kinase, group of enzymes, class of enzymes, family of enzymes, coenzyme, polymerase
        """
    ),
    "event": _nouns(
        """
        war, battle, revolution, rebellion, uprising, coup, coup d'état, conflict, protest, massacre, festival,
        concert, competition, tournament, championship, ceremony, summit, contest, event, military campaign
        """
    ),
    "field": _nouns(
        """
        subfield of computer science, field of computer science, branch of computer science, area of computer
        science, field of artificial intelligence, subfield of artificial intelligence, branch of artificial
        intelligence, area of artificial intelligence, field of study, academic field, interdisciplinary field,
        subfield, field of research, branch of engineering, branch of mathematics, discipline, field,
        programming paradigm
        """
    ),
    "literarygenre": _nouns(
        """
        literary genre, literature genre, genre of literature, genre of fiction, genre of poetry, fiction genre,
        subgenre of fiction, literary form, verse form, poetic form, form of poetry, literature, literary
        movement, literary style, type of novel, type of fiction, fiction, subgenre of literature, literary
        technique, novel genre, genre of novel, genre of science, subgenre of science, poetry
        """
    ),
    "location": _nouns(
        """
        city, town, village, commune, municipality, county, district, province, region, river, lake, mountain,
        island, state, capital, hamlet, suburb, parish, neighborhood, neighbourhood, borough, township,
        peninsula, bay, valley, desert, park, community, settlement, prefecture, department, territory, strait,
        sea, canton, arrondissement, street, building
        """
    ),
    "magazine": _nouns(
        """
        magazine, newspaper, periodical, weekly, tabloid, literary journal, fanzine, broadsheet, gazette, daily,
        webzine, newsmagazine
        """
    ),
    "metrics": _nouns(
        """
        metric, performance measure, statistical measure, accuracy measure, similarity measure, evaluation
        measure, loss function
        """
    ),
    "misc": (),
    "musicalartist": _nouns(
        """
        singer, musician, composer, singer-songwriter, songwriter, pianist, guitarist, rapper, record producer,
        music producer, conductor, drummer, violinist, soprano, vocalist, saxophonist, recording artist,
        bassist, cellist, organist, dj, disc jockey, trumpeter, tenor, baritone, bass player, guitar player,
        piano player, flautist, flutist, percussionist, harpist, bandleader, jazz artist, pop artist, hip hop
        artist, music artist, musical artist, lyricist, mezzo-soprano, multi-instrumentalist, keyboardist,
        clarinetist, clarinettist, trombonist, violist, contralto, bass-baritone, harpsichordist, banjoist,
        fiddler, bluesman, musicologist, beatboxer, beatmaker, lutenist, hornist, oboist, cornetist, rhythm and
        blues artist, rock artist, reggae artist, singer/songwriter, drum player, keyboard player, harmonica
        player, vocal artist, opera performer, frontman, turntablist, crooner, chansonnier, choirmaster,
        countertenor, sitarist, vibraphonist, accordionist, electronic producer, country artist, r&b artist,
        bass, hip-hop artist, mc
        """
    ),
    "musicalinstrument": _nouns("instrument, guitar, drum, flute, synthesizer, lute, zither, violin, clarinet"),
    "musicgenre": _nouns(
        """
        music genre, genre of music, style of music, music style, musical genre, musical style, subgenre of
        music, subgenre of metal, subgenre of rock, subgenre, genre of rock, genre of dance music, form of
        music, sub-genre, music, genre of metal, genre of house, musical movement, music scene
        """
    ),
    "organisation": _nouns(
        """
        organization, organisation, company, corporation, club, agency, association, institution, institute,
        union, foundation, record label, ministry, legislature, government department, school, college, team,
        charity, museum, army, bank, publisher, broadcaster, airline, think tank, parliament
        """
    ),
    "person": _nouns(
        """
        person, man, woman, player, footballer, actor, actress, businessman, businesswoman, athlete, swimmer,
        king, queen, bishop, priest, soldier, general, lawyer, director, painter, artist, sculptor, architect,
        model, presenter, coach, wrestler, boxer, cyclist, driver, engineer, photographer, comedian, activist
        """
    ),
    "poem": _nouns(
        """
        poem, epic, sonnet, poetry collection, collection of poems, ode, ballad, elegy, haiku, poem cycle,
        nursery rhyme
        """
    ),
    "politicalparty": _nouns(
        """
        party, political alliance, electoral alliance, political coalition, party coalition, party alliance,
        electoral coalition, coalition of parties, alliance of parties
        """
    ),
    "politician": _nouns(
        """
        politician, statesman, stateswoman, president, minister, governor, mayor, senator, congressman,
        congresswoman, member of parliament, member of house, member of senate, member of congress, member of
        assembly, member of legislature, member of council, member of party, chancellor, head of state, head of
        government, representative, political figure, political leader, legislator, councillor, councilor, first
        lady, secretary of state, deputy, parliamentarian, party leader, mp, assemblyman, alderman, premier,
        taoiseach, politican, head of ministry, diplomat, ambassador, political activist, minister-president
        """
    ),
    "product": _nouns(
        """
        robot, chatbot, virtual assistant, software library, machine learning library, software package,
        programming framework, learning framework, software framework, search engine, speech recognizer,
        computer program, software, expert system, language model, robotic arm, digital assistant, operating
        system
        """
    ),
    "programlang": _nouns(
        """
        programming language, scripting language, query language, markup language, functional language, computer
        language, object-oriented language, assembly language, specification language, modeling language, logic
        language, domain-specific language, dialect of lisp, general-purpose language, family of languages
        """
    ),
    "protein": _nouns(
        """
        protein, gene, protein complex, receptor, protein domain, antibody, glycoprotein, peptide, group of
        proteins, family of proteins, class of proteins, globulin, transcription factor, polypeptide, antigen,
        cytokine, lipoprotein
        """
    ),
    "researcher": _nouns(
        """
        computer scientist, artificial intelligence researcher, ai researcher, roboticist, machine learning
        researcher, computer researcher, research scientist, information theorist, cyberneticist, cryptographer,
        cognitive scientist, data scientist, researcher, linguist, statistician, computer science professor,
        logician
        """
    ),
    "scientist": _nouns(
        """
        scientist, physicist, chemist, biologist, mathematician, astronomer, botanist, physician, biochemist,
        geneticist, naturalist, geologist, zoologist, entomologist, astrophysicist, meteorologist, pathologist,
        ecologist, ornithologist, neuroscientist, paleontologist, palaeontologist, physiologist, virologist,
        microbiologist, immunologist, epidemiologist, cosmologist, statistician, biophysicist, neurologist,
        mycologist, bacteriologist, oceanographer, geophysicist, crystallographer, anatomist, pharmacologist,
        anthropologist, primatologist, ichthyologist, herpetologist, seismologist, volcanologist, climatologist,
        glaciologist, toxicologist, oncologist, nephrologist, cardiologist, endocrinologist, psychologist,
        surgeon, neurosurgeon, parasitologist, mineralogist, inventor, researcher, rocket engineer, nuclear
        engineer, arachnologist, malacologist, lichenologist, taxonomist, neurobiologist, embryologist,
        psychiatrist, horticulturist, agronomist, physician-scientist, conservationist, evolutionary theorist,
        geographer
        """
    ),
    "song": _nouns(
        """
        song, single, carol, lullaby, anthem, hymn, jazz standard, aria, power ballad, song ballad, tune,
        instrumental, ballad, medley, track, song recording
        """
    ),
    "task": _nouns("task, recognition problem, classification problem, learning problem, recognition process"),
    "theory": _nouns(
        """
        theory, theorem, hypothesis, law of physics, conjecture, principle of physics, model of physics,
        physical law, scientific law, mathematical model, lemma
        """
    ),
    "university": _nouns("university, college, institute of technology, liberal arts college, polytechnic"),
    "writer": _nouns(
        """
        writer, author, poet, novelist, playwright, dramatist, essayist, journalist, screenwriter, biographer,
        critic, cartoonist, columnist, translator, storyteller, memoirist, diarist, scriptwriter, humorist,
        satirist, poetess, authoress, fabulist, hymnwriter, man of letters, fantasist, blogger, historian,
        scenarist, chronicler, librettist, folklorist, bard, man of letter, publicist, speechwriter, mangaka,
        manga artist
        """
    ),
}
