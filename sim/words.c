#include "sim/words.h"

#define S(text) STR_INIT(text)
#define N(name, ascii)                                                                             \
    {                                                                                              \
        STR_INIT(name), STR_INIT(ascii)                                                            \
    }

// clang-format off
const struct word_name words_first_names[] = {
    N("Anna", "anna"), N("Ben", "ben"), N("Clara", "clara"), N("David", "david"),
    N("Emma", "emma"), N("Felix", "felix"), N("Grace", "grace"), N("Henry", "henry"),
    N("Ida", "ida"), N("Jack", "jack"), N("Karin", "karin"), N("Liam", "liam"),
    N("Maria", "maria"), N("Noah", "noah"), N("Olivia", "olivia"), N("Paul", "paul"),
    N("Quentin", "quentin"), N("Rosa", "rosa"), N("Samuel", "samuel"), N("Tara", "tara"),
    N("Uma", "uma"), N("Victor", "victor"), N("Wendy", "wendy"), N("Xavier", "xavier"),
    N("Yara", "yara"), N("Zoë", "zoe"), N("José", "jose"), N("Chloé", "chloe"),
    N("André", "andre"), N("Søren", "soren"), N("Åsa", "asa"), N("Björn", "bjorn"),
    N("Jürgen", "jurgen"), N("Łukasz", "lukasz"), N("Zuzanna", "zuzanna"), N("İrem", "irem"),
    N("Şule", "sule"), N("Çağla", "cagla"), N("Ngọc", "ngoc"), N("Đức", "duc"),
    N("Renée", "renee"), N("François", "francois"), N("Núria", "nuria"), N("Íñigo", "inigo"),
    N("Óscar", "oscar"), N("Marta", "marta"), N("Piotr", "piotr"), N("Katarzyna", "katarzyna"),
    N("Tomáš", "tomas"), N("Eliška", "eliska"), N("Gábor", "gabor"), N("Zsófia", "zsofia"),
    N("Ștefan", "stefan"), N("Ioana", "ioana"), N("Dimitra", "dimitra"), N("Γιώργος", "giorgos"),
    N("Ольга", "olga"), N("Дмитрий", "dmitry"), N("Анна", "anna"), N("美咲", "misaki"),
    N("健太", "kenta"), N("伟", "wei"), N("芳", "fang"), N("민준", "minjun"), N("서연", "seoyeon"),
    N("محمد", "mohammed"), N("فاطمة", "fatima"), N("נועה", "noa"), N("Aarav", "aarav"),
    N("Priya", "priya"), N("Ravi", "ravi"), N("Lakshmi", "lakshmi"), N("Kwame", "kwame"),
    N("Amara", "amara"), N("Thabo", "thabo"), N("Zanele", "zanele"), N("Fatou", "fatou"),
    N("Moana", "moana"), N("Tāne", "tane"), N("Siobhán", "siobhan"), N("Niamh", "niamh"),
    N("Aoife", "aoife"), N("O’Neil", "oneil"), N("Mary-Jane", "maryjane"),
    N("Jean-Luc", "jeanluc"), N("Ana-Sofía", "anasofia"), N("Kai", "kai"), N("Leila", "leila"),
    N("Omar", "omar"), N("Yusuf", "yusuf"), N("Hannah", "hannah"), N("Isaac", "isaac"),
    N("Julia", "julia"), N("Leon", "leon"), N("Mia", "mia"), N("Nils", "nils"),
    N("Oskar", "oskar"), N("Pia", "pia"), N("Rafael", "rafael"), N("Sofia", "sofia"),
    N("Theo", "theo"), N("Vera", "vera"), N("William", "william"),
};
const size_t words_first_names_n = ARRAY_LEN(words_first_names);

const struct word_name words_last_names[] = {
    N("Smith", "smith"), N("Jones", "jones"), N("Müller", "muller"), N("Schmidt", "schmidt"),
    N("García", "garcia"), N("Martínez", "martinez"), N("Rossi", "rossi"),
    N("Bianchi", "bianchi"), N("Dubois", "dubois"), N("Lefèvre", "lefevre"),
    N("Kowalski", "kowalski"), N("Wiśniewska", "wisniewska"), N("Novák", "novak"),
    N("Svobodová", "svobodova"), N("Nagy", "nagy"), N("Tóth", "toth"), N("Popescu", "popescu"),
    N("Ionescu", "ionescu"), N("Papadopoulos", "papadopoulos"), N("Ivanov", "ivanov"),
    N("Петрова", "petrova"), N("Sato", "sato"), N("田中", "tanaka"), N("Wang", "wang"),
    N("李", "li"), N("Kim", "kim"), N("박", "park"), N("Nguyễn", "nguyen"), N("Trần", "tran"),
    N("Al-Sayed", "alsayed"), N("الحسن", "alhasan"), N("Cohen", "cohen"), N("Patel", "patel"),
    N("Sharma", "sharma"), N("Okafor", "okafor"), N("Mensah", "mensah"), N("Dlamini", "dlamini"),
    N("Ndlovu", "ndlovu"), N("Silva", "silva"), N("Santos", "santos"), N("Pereira", "pereira"),
    N("Hernández", "hernandez"), N("Johansson", "johansson"), N("Lindström", "lindstrom"),
    N("Nielsen", "nielsen"), N("Kjær", "kjaer"), N("Hansen", "hansen"), N("Ødegård", "odegard"),
    N("Virtanen", "virtanen"), N("Mäkinen", "makinen"), N("Jansen", "jansen"),
    N("van Dijk", "vandijk"), N("de Boer", "deboer"), N("O’Connor", "oconnor"),
    N("MacLeod", "macleod"), N("Byrne", "byrne"), N("Kelly", "kelly"), N("Taylor", "taylor"),
    N("Brown", "brown"), N("Wilson", "wilson"), N("Evans", "evans"), N("Walker", "walker"),
    N("Wright", "wright"), N("Green", "green"), N("Hall", "hall"), N("Young", "young"),
    N("King", "king"), N("Baker", "baker"), N("Adams", "adams"), N("Campbell", "campbell"),
    N("Mitchell", "mitchell"), N("Roberts", "roberts"), N("Carter", "carter"),
    N("Phillips", "phillips"), N("Turner", "turner"), N("Parker", "parker"),
    N("Collins", "collins"), N("Edwards", "edwards"), N("Stewart", "stewart"),
    N("Morris", "morris"), N("Murphy", "murphy"), N("Cook", "cook"), N("Rogers", "rogers"),
    N("Morgan", "morgan"), N("Cooper", "cooper"), N("Peterson", "peterson"), N("Reed", "reed"),
    N("Bailey", "bailey"), N("Bell", "bell"), N("Gomez", "gomez"), N("Ward", "ward"),
    N("Richardson", "richardson"), N("Watson", "watson"), N("Brooks", "brooks"),
    N("Wood", "wood"), N("Bennett", "bennett"), N("Gray", "gray"), N("James", "james"),
    N("Reyes", "reyes"), N("Cruz", "cruz"), N("Hughes", "hughes"), N("Price", "price"),
    N("Myers", "myers"), N("Long", "long"), N("Foster", "foster"), N("Sanders", "sanders"),
    N("Ross", "ross"), N("Morales", "morales"), N("Powell", "powell"), N("Sullivan", "sullivan"),
    N("Russell", "russell"), N("Ortiz", "ortiz"), N("Jenkins", "jenkins"),
    N("Gutiérrez", "gutierrez"), N("Perry", "perry"), N("Butler", "butler"),
    N("Barnes", "barnes"), N("Fisher", "fisher"), N("Çelik", "celik"), N("Yılmaz", "yilmaz"),
    N("Đorđević", "dordevic"), N("Müller-Lüdenscheidt", "mullerludenscheidt"),
};
const size_t words_last_names_n = ARRAY_LEN(words_last_names);

const struct word_city words_cities[] = {
    {S("Berlin"), S("Berlin"), S("Germany"), S("+49"), 525200, 134050},
    {S("München"), S("Bayern"), S("Germany"), S("+49"), 481351, 115820},
    {S("Zürich"), S("Zürich"), S("Switzerland"), S("+41"), 473769, 85417},
    {S("Paris"), S("Île-de-France"), S("France"), S("+33"), 488566, 23522},
    {S("Lyon"), S("Auvergne-Rhône-Alpes"), S("France"), S("+33"), 457640, 48357},
    {S("Madrid"), S("Comunidad de Madrid"), S("Spain"), S("+34"), 404168, -37038},
    {S("London"), S("England"), S("United Kingdom"), S("+44"), 515074, -1278},
    {S("Edinburgh"), S("Scotland"), S("United Kingdom"), S("+44"), 559533, -31883},
    {S("Dublin"), S("Leinster"), S("Ireland"), S("+353"), 533498, -62603},
    {S("Amsterdam"), S("Noord-Holland"), S("Netherlands"), S("+31"), 523676, 49041},
    {S("København"), S("Hovedstaden"), S("Denmark"), S("+45"), 556761, 125683},
    {S("Malmö"), S("Skåne"), S("Sweden"), S("+46"), 556050, 130038},
    {S("Oslo"), S("Oslo"), S("Norway"), S("+47"), 599139, 107522},
    {S("Helsinki"), S("Uusimaa"), S("Finland"), S("+358"), 601699, 249384},
    {S("Kraków"), S("Małopolskie"), S("Poland"), S("+48"), 500647, 199450},
    {S("Praha"), S("Praha"), S("Czechia"), S("+420"), 500755, 144378},
    {S("Wien"), S("Wien"), S("Austria"), S("+43"), 482082, 163738},
    {S("Roma"), S("Lazio"), S("Italy"), S("+39"), 419028, 124964},
    {S("Αθήνα"), S("Αττική"), S("Greece"), S("+30"), 379838, 237275},
    {S("İstanbul"), S("İstanbul"), S("Türkiye"), S("+90"), 410082, 289784},
    {S("New York"), S("New York"), S("United States"), S("+1"), 407128, -740060},
    {S("Boston"), S("Massachusetts"), S("United States"), S("+1"), 423601, -710589},
    {S("Austin"), S("Texas"), S("United States"), S("+1"), 302672, -977431},
    {S("San Francisco"), S("California"), S("United States"), S("+1"), 377749, -1224194},
    {S("Chicago"), S("Illinois"), S("United States"), S("+1"), 418781, -876298},
    {S("Toronto"), S("Ontario"), S("Canada"), S("+1"), 436532, -793832},
    {S("Montréal"), S("Québec"), S("Canada"), S("+1"), 455017, -735673},
    {S("São Paulo"), S("São Paulo"), S("Brazil"), S("+55"), -235505, -466333},
    {S("Bogotá"), S("Cundinamarca"), S("Colombia"), S("+57"), 47110, -740721},
    {S("Ciudad de México"), S("CDMX"), S("Mexico"), S("+52"), 194326, -991332},
    {S("東京"), S("東京都"), S("Japan"), S("+81"), 356762, 1396503},
    {S("서울"), S("서울특별시"), S("South Korea"), S("+82"), 375665, 1269780},
    {S("上海"), S("上海市"), S("China"), S("+86"), 312304, 1214737},
    {S("Bengaluru"), S("Karnataka"), S("India"), S("+91"), 129716, 775946},
    {S("Singapore"), S("Singapore"), S("Singapore"), S("+65"), 13521, 1038198},
    {S("Sydney"), S("New South Wales"), S("Australia"), S("+61"), -338688, 1512093},
    {S("Auckland"), S("Auckland"), S("New Zealand"), S("+64"), -368509, 1747645},
    {S("Nairobi"), S("Nairobi"), S("Kenya"), S("+254"), -12921, 368219},
    {S("Lagos"), S("Lagos"), S("Nigeria"), S("+234"), 65244, 33792},
    {S("Cape Town"), S("Western Cape"), S("South Africa"), S("+27"), -339249, 184241},
    {S("القاهرة"), S("القاهرة"), S("Egypt"), S("+20"), 300444, 312357},
    {S("תל אביב"), S("תל אביב"), S("Israel"), S("+972"), 320853, 347818},
};
const size_t words_cities_n = ARRAY_LEN(words_cities);

const struct word_name words_company_heads[] = {
    N("Bright", "bright"), N("North", "north"), N("Blue", "blue"), N("Silver", "silver"),
    N("Quantum", "quantum"), N("Evergreen", "evergreen"), N("Harbor", "harbor"),
    N("Summit", "summit"), N("Cedar", "cedar"), N("Iron", "iron"), N("Golden", "golden"),
    N("Clear", "clear"), N("Red", "red"), N("Nordic", "nordic"), N("Alpine", "alpine"),
    N("Pacific", "pacific"), N("Atlantic", "atlantic"), N("Urban", "urban"), N("Prime", "prime"),
    N("Vertex", "vertex"), N("Nova", "nova"), N("Luna", "luna"), N("Orbit", "orbit"),
    N("Delta", "delta"), N("Echo", "echo"), N("Falcon", "falcon"), N("Granite", "granite"),
    N("Horizon", "horizon"), N("Indigo", "indigo"), N("Juniper", "juniper"),
    N("Kestrel", "kestrel"), N("Lumen", "lumen"), N("Maple", "maple"), N("Nimbus", "nimbus"),
    N("Onyx", "onyx"), N("Pioneer", "pioneer"), N("Quarry", "quarry"), N("Raven", "raven"),
    N("Sable", "sable"), N("Terra", "terra"), N("Umbra", "umbra"), N("Vista", "vista"),
    N("Willow", "willow"), N("Zephyr", "zephyr"), N("Köln", "koln"), N("Øresund", "oresund"),
    N("Société", "societe"), N("Água", "agua"), N("Žižkov", "zizkov"),
};
const size_t words_company_heads_n = ARRAY_LEN(words_company_heads);

const struct word_name words_company_tails[] = {
    N("Labs", "labs"), N("Systems", "systems"), N("Works", "works"), N("Partners", "partners"),
    N("Logistics", "logistics"), N("Foods", "foods"), N("Energy", "energy"),
    N("Health", "health"), N("Robotics", "robotics"), N("Media", "media"),
    N("Software", "software"), N("Studios", "studios"), N("Capital", "capital"),
    N("Consulting", "consulting"), N("Industries", "industries"), N("Textiles", "textiles"),
    N("Travel", "travel"), N("Mobility", "mobility"), N("Analytics", "analytics"),
    N("Bank", "bank"), N("Gärten", "garten"), N("Möbel", "mobel"),
};
const size_t words_company_tails_n = ARRAY_LEN(words_company_tails);

const struct str words_streets[] = {
    S("Main Street"), S("High Street"), S("Bahnhofstraße"), S("Rue de la République"),
    S("Calle Mayor"), S("Via Roma"), S("Station Road"), S("Park Avenue"), S("Church Lane"),
    S("Mill Road"), S("Kungsgatan"), S("Hauptstraße"), S("Elm Street"), S("King Street"),
    S("Queen’s Road"), S("Market Square"), S("Dorfstraße"), S("Industrieweg"),
    S("Victoria Road"), S("Harbour View"),
};
const size_t words_streets_n = ARRAY_LEN(words_streets);

const struct str words_job_titles[] = {
    S("Account Executive"), S("Head of Marketing"), S("Chief Executive Officer"),
    S("Chief Technology Officer"), S("Software Engineer"), S("Procurement Manager"),
    S("Office Manager"), S("Sales Director"), S("Data Analyst"), S("Product Manager"),
    S("Operations Lead"), S("Finance Manager"), S("Geschäftsführer"),
    S("Responsable des achats"), S("Directora de Ventas"), S("VP Customer Success"),
    S("RevOps Engineer"), S("Support Specialist"), S("Partner"), S("Founder"), S("Intern"),
    S("Team Lead – EMEA"), S("Consultant"), S("Warehouse Supervisor"),
};
const size_t words_job_titles_n = ARRAY_LEN(words_job_titles);

const struct str words_nouns[] = {
    S("renewal"), S("pilot"), S("budget"), S("onboarding"), S("webinar"), S("invoice"),
    S("contract"), S("integration"), S("newsletter"), S("discount"), S("migration"),
    S("workshop"), S("upgrade"), S("support"), S("training"), S("referral"), S("audit"),
    S("roadmap"), S("security review"), S("trial"), S("partner"), S("campaign"), S("event"),
    S("demo"), S("proposal"), S("shipment"), S("warranty"), S("returns"), S("licence"),
    S("compliance"), S("backlog"), S("kick-off"), S("Prüfung"), S("café"), S("naïve"),
    S("façade"), S("年度"), S("договор"), S("🚀"), S("✅"), S("Q3 – plan"), S("follow-up"),
    S("price list"), S("data room"),
};
const size_t words_nouns_n = ARRAY_LEN(words_nouns);

const struct str words_sentences[] = {
    S("Thanks for the call this morning."),
    S("We agreed to \"keep it simple\" and start with one team."),
    S("Please send the quote by Friday; otherwise procurement can't sign."),
    S("They use C:\\Reports\\2024 as their share, which nobody backs up."),
    S("Der Kunde möchte zuerst die Verträge prüfen und meldet sich dann."),
    S("Le contrat est prêt, il manque la signature du directeur."),
    S("El equipo está de acuerdo con el precio propuesto."), S("次回の会議は来週の火曜日です。"),
    S("Клиент просит перенести встречу на четверг."),
    S("Great energy in the demo 🚀🎉, especially from finance 👩‍💻."),
    S("Next step: technical deep dive with their platform group."),
    S("Budget is approved up to 45,000 for this fiscal year."),
    S("Competitor named: \"Acme & Sons\" <sales@acme.example>."),
    S("Legal asked for the DPA, the sub-processor list and SOC 2."),
    S("Left a voicemail, no answer."), S("Second line:\tindented by a tab."),
    S("He said: \"If it isn't in the CRM, it didn't happen.\""),
    S("The rollout needs 3 regions, 12 teams and about 400 seats."),
    S("العميل سعيد بالخدمة ويريد التجديد."),
    S("Price objection handled; they compare total cost now."),
    S("The champion moved to another company, we need a new one."),
    S("Customer reports that exports stop at 10,000 rows."),
    S("Ça marche très bien depuis la mise à jour de mardi."),
    S("See the attached notes for details."),
};
const size_t words_sentences_n = ARRAY_LEN(words_sentences);
// clang-format on
