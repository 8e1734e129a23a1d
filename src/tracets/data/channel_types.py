"""What sensors and reports measure: the channel types that generated samples draw from."""

from __future__ import annotations

from dataclasses import dataclass

DOMAINS = ("weather", "energy", "industry", "health", "environment", "traffic", "computing", "water",
           "economy")  # fmt: skip


@dataclass(frozen=True)
class ChannelType:
    """One quantity as it comes in the wild.

    Parameters
    ----------
    names : tuple of str
        Ways in which a column of it is called.
    units : tuple of (str or None, factor, offset)
        Units and how a value in the first unit turns into them.
    center : (float, float)
        Where the typical level of a window lies, in the first unit.
    spread : (float, float)
        Standard deviation inside a window, in the first unit; drawn on a log scale.
    floor, ceiling : float or None
        Values are clipped there, in the first unit.
    decimals : int
        As sensors round, in whatever unit.
    form : str
        "smooth", "noisy", "rain" (zero-inflated bursts), "count" (whole numbers), "direction" (degrees, circular).
    daily : float
        How likely a day-night cycle is where the sampling step allows one.
    """

    domain: str
    names: tuple[str, ...]
    units: tuple[tuple[str | None, float, float], ...]
    center: tuple[float, float]
    spread: tuple[float, float]
    floor: float | None = None
    ceiling: float | None = None
    decimals: int = 1
    form: str = "smooth"
    daily: float = 0.3


def _units(
    *given: str | None | tuple[str, float] | tuple[str, float, float],
) -> tuple[tuple[str | None, float, float], ...]:
    out = []
    for unit in given:
        if unit is None or isinstance(unit, str):
            out.append((unit, 1.0, 0.0))
        else:
            out.append((unit[0], unit[1], unit[2] if len(unit) == 3 else 0.0))
    return tuple(out)


_CELSIUS = _units("degC", "°C", ("degF", 1.8, 32.0), ("°F", 1.8, 32.0))
_SPEED = _units("m/s", ("km/h", 3.6), ("mph", 2.23694), ("kn", 1.94384))
_PERCENT = _units("%", "%", "percent")
_RAIN = _units("mm", "mm", ("in", 0.0393701))


def _t(domain: str, names: str, units: tuple[tuple[str | None, float, float], ...], center: tuple[float, float],
       spread: tuple[float, float], **options: float | str | None) -> ChannelType:  # fmt: skip
    return ChannelType(domain, tuple(names.split(", ")), units, center, spread, **options)  # type: ignore[arg-type]


CHANNEL_TYPES: tuple[ChannelType, ...] = (
    # weather
    _t("weather", "temperature, temp, air temperature, air_temp, T", _CELSIUS, (-20, 33), (0.8, 7), daily=0.8),
    _t("weather", "dew point, dewp, dew_point, dewpoint temperature", _CELSIUS, (-20, 22), (0.8, 5)),
    _t("weather", "humidity, relative humidity, humid, rh, relative_humidity", _PERCENT, (35, 90), (4, 22), floor=5,
       ceiling=100, decimals=0, daily=0.7),
    _t("weather", "pressure, air pressure, sea level pressure, press, slp", _units("hPa", "mbar", "mb", ("kPa", 0.1)),
       (990, 1032), (1, 9), floor=940, ceiling=1060, daily=0.1),
    _t("weather", "wind speed, wind_speed, wind, ws", _SPEED, (1.5, 9), (0.7, 4), floor=0, form="noisy", daily=0.4),
    _t("weather", "wind gust, gust, wind_gust, max gust", _SPEED, (5, 16), (1.2, 5), floor=0, form="noisy"),
    _t("weather", "wind direction, wind_dir, wind_direction", _units("degrees", "degree", "deg"), (0, 360), (15, 90),
       decimals=0, form="direction"),
    _t("weather", "wind u, u10, u_wind", _SPEED, (-4, 4), (0.8, 4), form="noisy"),
    _t("weather", "precipitation, rain, precip, rainfall, rain_mm", _RAIN, (0, 0), (0.3, 6), floor=0, form="rain"),
    _t("weather", "snowfall, snow, new snow", _units("cm", "mm"), (0, 0), (0.3, 4), floor=0, form="rain"),
    _t("weather", "snow depth, snow_depth", _units("cm", ("m", 0.01)), (5, 90), (0.5, 15), floor=0, decimals=1,
       daily=0),
    _t("weather", "visibility, visib, vis", _units("km", ("mi", 0.621371), ("m", 1000.0)), (4, 24), (1, 8), floor=0,
       ceiling=30, form="noisy"),
    _t("weather", "cloud cover, clouds, cloud_cover, sky cover", _PERCENT, (20, 85), (10, 40), floor=0, ceiling=100,
       decimals=0, form="noisy"),
    _t("weather", "solar radiation, global radiation, irradiance, ghi, shortwave", _units("W/m2", "W/m²"), (120, 380),
       (80, 280), floor=0, decimals=0, daily=0.95),
    _t("weather", "soil temperature, soil_temp", _CELSIUS, (0, 25), (0.2, 3), daily=0.5),
    _t("weather", "uv index, uvi", _units(None, "index"), (1, 5), (0.8, 3), floor=0, ceiling=12, daily=0.95),
    _t("weather", "evapotranspiration, et0, evaporation", _units("mm"), (0.1, 0.6), (0.05, 0.3), floor=0, decimals=2,
       daily=0.8),
    # energy
    _t("energy", "load, demand, electricity demand, power demand, load_mw",
       _units("MW", ("GW", 0.001), ("kW", 1000.0)), (300, 9000), (30, 900), floor=0, decimals=0, daily=0.9),
    _t("energy", "energy consumption, consumption, usage, energy use", _units("kWh", ("MWh", 0.001), ("Wh", 1000.0)),
       (0.5, 400), (0.2, 90), floor=0, decimals=2, form="noisy", daily=0.7),
    _t("energy", "solar output, pv power, pv output, solar generation", _units("kW", ("MW", 0.001)), (20, 800),
       (15, 500), floor=0, daily=0.98),
    _t("energy", "wind power, wind generation, turbine output", _units("MW", ("kW", 1000.0)), (20, 400), (10, 180),
       floor=0, form="noisy"),
    _t("energy", "state of charge, soc, battery level, battery", _PERCENT, (30, 80), (8, 30), floor=0, ceiling=100,
       decimals=0, daily=0.5),
    _t("energy", "grid frequency, frequency, line frequency", _units("Hz"), (49.98, 50.02), (0.005, 0.05), decimals=3,
       form="noisy", daily=0),
    _t("energy", "voltage, line voltage, mains voltage, u_rms", _units("V", ("kV", 0.001)), (225, 238), (0.5, 4),
       form="noisy"),
    _t("energy", "current, phase current, i_l1", _units("A"), (5, 180), (1, 45), floor=0, form="noisy", daily=0.6),
    _t("energy", "gas flow, gas consumption, natural gas", _units("m3/h", "m³/h"), (5, 120), (1, 35), floor=0,
       daily=0.5),
    _t("energy", "oil temperature, OT, transformer oil temperature", _CELSIUS, (10, 60), (1, 9), daily=0.6),
    _t("energy", "active power, HUFL, useful load", _units("kW", None), (5, 60), (1, 18), form="noisy", daily=0.6),
    _t("energy", "heat demand, district heating load", _units("MW", ("kW", 1000.0)), (10, 150), (2, 30), floor=0,
       daily=0.6),
    # industry
    _t("industry", "motor speed, rotation speed, rpm, spindle speed", _units("rpm", ("Hz", 1 / 60)), (600, 3200),
       (5, 400), floor=0, decimals=0, form="noisy", daily=0),
    _t("industry", "bearing temperature, motor temperature, winding_temp", _CELSIUS, (35, 95), (1, 10)),
    _t("industry", "furnace temperature, oven temperature, kiln_temp", _units("degC", "°C", ("K", 1.0, 273.15)),
       (400, 1300), (2, 60), decimals=0, daily=0),
    _t("industry", "vibration, vibration rms, vib_x", _units("mm/s", "g"), (0.5, 6), (0.1, 2), floor=0, decimals=2,
       form="noisy", daily=0),
    _t("industry", "boiler pressure, line pressure, inlet pressure, p_in",
       _units("bar", ("kPa", 100.0), ("psi", 14.5038)), (2, 40), (0.1, 4), floor=0, decimals=2, daily=0),
    _t("industry", "flow rate, coolant flow, flow, q_feed", _units("l/min", "m3/h"), (10, 300), (1, 40), floor=0,
       form="noisy"),
    _t("industry", "tank level, level, fill level, silo level", _PERCENT, (25, 80), (5, 28), floor=0, ceiling=100,
       daily=0.1),
    _t("industry", "valve position, valve opening, valve_pos", _PERCENT, (20, 80), (5, 30), floor=0, ceiling=100,
       form="noisy"),
    _t("industry", "conveyor speed, belt speed", _units("m/min", "m/s"), (5, 60), (0.5, 10), floor=0, decimals=2,
       daily=0),
    _t("industry", "torque, shaft torque", _units("Nm"), (20, 400), (3, 80), form="noisy", daily=0),
    _t("industry", "power draw, machine power, motor power", _units("kW", ("W", 1000.0)), (2, 90), (0.5, 25), floor=0,
       form="noisy"),
    _t("industry", "output, parts produced, units produced, throughput", _units("parts", "count", "pieces"),
       (20, 300), (5, 60), floor=0, decimals=0, form="count", daily=0.4),
    _t("industry", "scrap, rejects, defects, error count", _units("count", "parts", None), (0, 0), (1, 6), floor=0,
       decimals=0, form="rain"),
    # health
    _t("health", "heart rate, hr, pulse, heart_rate", _units("bpm", "1/min"), (55, 105), (2, 16), floor=35,
       ceiling=200, decimals=0, form="noisy", daily=0.4),
    _t("health", "oxygen saturation, SpO2, spo2", _PERCENT, (93, 98.5), (0.5, 2.5), floor=70, ceiling=100, decimals=0,
       form="noisy", daily=0),
    _t("health", "body temperature, core temperature, body_temp", _CELSIUS, (36.4, 38.8), (0.1, 0.8), floor=33,
       ceiling=42, daily=0.4),
    _t("health", "systolic pressure, systolic blood pressure, sbp", _units("mmHg"), (105, 150), (4, 15), floor=60,
       ceiling=230, decimals=0, form="noisy"),
    _t("health", "respiratory rate, breathing rate, rr", _units("1/min", "breaths/min"), (11, 22), (1, 4), floor=4,
       ceiling=50, decimals=0, form="noisy"),
    _t("health", "glucose, blood glucose, glucose level", _units("mg/dL", ("mmol/L", 0.0555)), (85, 190), (8, 45),
       floor=40, ceiling=400, decimals=0, daily=0.5),
    _t("health", "steps, step count, activity", _units("steps", "count"), (0, 0), (100, 1500), floor=0, decimals=0,
       form="rain", daily=0.6),
    _t("health", "influenza cases, flu cases, ili_total", _units("cases", "count"), (20, 900), (10, 350), floor=0,
       decimals=0, form="count", daily=0),
    _t("health", "weighted_ili, ili, flu share", _PERCENT, (0.8, 4), (0.2, 1.8), floor=0, ceiling=100, decimals=2,
       daily=0),
    _t("health", "hospital admissions, admissions, new patients", _units("patients", "count", "admissions"), (4, 120),
       (2, 30), floor=0, decimals=0, form="count", daily=0.3),
    _t("health", "occupied beds, bed occupancy", _units("count", "%"), (30, 95), (2, 14), floor=0, ceiling=100,
       decimals=0, form="count", daily=0.1),
    # environment
    _t("environment", "pm2_5, PM2.5, fine dust, pm25", _units("µg/m³", "ug/m3"), (5, 70), (2, 28), floor=0,
       form="noisy", daily=0.4),
    _t("environment", "pm10, PM10, coarse dust", _units("µg/m³", "ug/m3"), (10, 100), (3, 38), floor=0, form="noisy",
       daily=0.4),
    _t("environment", "ozone, o3, O3", _units("ppb", "µg/m³"), (15, 65), (4, 22), floor=0, daily=0.8),
    _t("environment", "no2, NO2, nitrogen dioxide", _units("ppb", "µg/m³"), (6, 45), (2, 15), floor=0, form="noisy",
       daily=0.6),
    _t("environment", "co, CO, carbon monoxide", _units("ppm", "mg/m³"), (0.2, 1.6), (0.05, 0.7), floor=0, decimals=2,
       form="noisy", daily=0.4),
    _t("environment", "co2, CO2, carbon dioxide, indoor CO2", _units("ppm"), (420, 1100), (8, 250), floor=380,
       decimals=0, daily=0.6),
    _t("environment", "aqi, air quality index, AQI", _units("index", None), (25, 130), (6, 40), floor=0, ceiling=500,
       decimals=0),
    _t("environment", "noise level, sound level, noise", _units("dB", "dBA"), (35, 78), (1.5, 9), floor=20,
       ceiling=130, form="noisy", daily=0.7),
    _t("environment", "soil moisture, soil_moisture, vwc", _PERCENT, (12, 42), (0.6, 7), floor=0, ceiling=100,
       daily=0.2),
    _t("environment", "pollen count, pollen", _units("1/m³", "count"), (0, 0), (5, 120), floor=0, decimals=0,
       form="rain"),
    _t("environment", "light, illuminance, brightness, lux", _units("lx", ("klx", 0.001)), (200, 20000), (100, 14000),
       floor=0, decimals=0, daily=0.95),
    _t("environment", "room temperature, indoor temperature, room_temp", _CELSIUS, (18, 26), (0.2, 2), daily=0.6),
    # traffic
    _t("traffic", "traffic volume, vehicle count, vehicles, flow_veh", _units("vehicles", "count"), (60, 1500),
       (20, 450), floor=0, decimals=0, form="count", daily=0.95),
    _t("traffic", "average speed, vehicle speed, speed", _units("km/h", ("mph", 0.621371)), (35, 105), (3, 18),
       floor=0, form="noisy", daily=0.6),
    _t("traffic", "lane occupancy, occupancy", _PERCENT, (5, 35), (2, 14), floor=0, ceiling=100, daily=0.8),
    _t("traffic", "passengers, ridership, boardings", _units("passengers", "count"), (30, 900), (10, 260), floor=0,
       decimals=0, form="count", daily=0.9),
    _t("traffic", "travel time, trip duration", _units("min", ("s", 60.0)), (8, 60), (1, 12), floor=1, form="noisy",
       daily=0.7),
    _t("traffic", "bike rentals, rentals, bikes rented", _units("rides", "count"), (15, 350), (6, 120), floor=0,
       decimals=0, form="count", daily=0.9),
    # computing
    _t("computing", "cpu load, cpu usage, cpu", _PERCENT, (15, 75), (3, 22), floor=0, ceiling=100, form="noisy",
       daily=0.3),
    _t("computing", "memory usage, mem, memory", _units("%", ("GB", 0.64)), (30, 85), (1, 14), floor=0, ceiling=100,
       daily=0.1),
    _t("computing", "requests, request rate, rps", _units("1/s", "count"), (30, 2500), (8, 600), floor=0, decimals=0,
       form="count", daily=0.7),
    _t("computing", "latency, response time, p95 latency", _units("ms", ("s", 0.001)), (20, 400), (3, 120), floor=1,
       form="noisy"),
    _t("computing", "errors, error count, failed requests", _units("count", None), (0, 0), (1, 25), floor=0,
       decimals=0, form="rain"),
    _t("computing", "network traffic, throughput, rx_bytes", _units("Mbit/s", ("MB/s", 0.125)), (5, 700), (2, 180),
       floor=0, form="noisy", daily=0.5),
    _t("computing", "queue length, backlog, jobs waiting", _units("count", None), (3, 120), (2, 40), floor=0,
       decimals=0, form="count"),
    # water
    _t("water", "water level, river level, stage, gauge", _units("m", ("cm", 100.0), ("ft", 3.28084)), (0.8, 6),
       (0.03, 0.9), floor=0, decimals=2, daily=0.1),
    _t("water", "discharge, river flow, streamflow", _units("m3/s", "m³/s"), (3, 500), (0.5, 120), floor=0,
       daily=0.05),
    _t("water", "water temperature, water_temp", _CELSIUS, (3, 24), (0.2, 2.5), floor=0, daily=0.5),
    _t("water", "pH, ph", _units(None), (6.6, 8.4), (0.03, 0.35), floor=0, ceiling=14, decimals=2, daily=0.3),
    _t("water", "turbidity, turb", _units("NTU", "FNU"), (2, 60), (0.5, 25), floor=0, form="noisy", daily=0),
    _t("water", "dissolved oxygen, do_mgl, oxygen", _units("mg/L", "mg/l"), (5, 12), (0.2, 1.6), floor=0, ceiling=20,
       decimals=2, daily=0.5),
    _t("water", "conductivity, ec", _units("µS/cm", ("mS/cm", 0.001)), (200, 1400), (4, 150), floor=0, decimals=0),
    _t("water", "tide, sea level, tide height", _units("m", ("cm", 100.0)), (-0.3, 1.5), (0.3, 1.6), decimals=2,
       daily=0.3),
    _t("water", "groundwater level, well level", _units("m"), (-12, -1), (0.02, 0.5), decimals=2, daily=0),
    _t("water", "water use, water consumption, consumption", _units("m3", "l"), (2, 90), (0.5, 30), floor=0,
       decimals=2, form="noisy", daily=0.8),
    # economy
    _t("economy", "gasoline price, average price, retail gasoline price, diesel price",
       _units("$/gallon", "USD/gallon"), (1.4, 4.5), (0.02, 0.5), floor=0.5, decimals=3, daily=0),
    _t("economy", "unemployment rate, jobless rate", _PERCENT, (3.5, 9.5), (0.1, 1.2), floor=0.5, ceiling=30, daily=0),
    _t("economy", "inflation, inflation rate, annual inflation", _PERCENT, (0.5, 6), (0.2, 1.6), daily=0),
    _t("economy", "exports, total exports, exports of goods", _units("million USD", ("billion USD", 0.001)),
       (60000, 260000), (1500, 25000), floor=0, decimals=0, daily=0),
    _t("economy", "imports, total imports, imports of goods", _units("million USD", ("billion USD", 0.001)),
       (60000, 320000), (1500, 30000), floor=0, decimals=0, daily=0),
    _t("economy", "trade balance, balance of trade, current account balance",
       _units("million USD", ("billion USD", 0.001)), (-70000, 8000), (1500, 14000), decimals=0, daily=0),
    _t("economy", "retail sales, sales, turnover", _units("million USD", "million EUR"), (2000, 500000), (100, 20000),
       floor=0, decimals=0, daily=0),
    _t("economy", "consumer price index, price index, producer prices", _units("index", None), (90, 280), (0.4, 9),
       floor=1, daily=0),
    _t("economy", "employment, payrolls, jobs", _units("thousand"), (1200, 150000), (20, 1500), floor=0, decimals=0,
       daily=0),
    _t("economy", "initial claims, jobless claims", _units("claims", None), (200000, 420000), (6000, 60000), floor=0,
       decimals=0, form="noisy", daily=0),
    _t("economy", "interest rate, mortgage rate, bond yield", _PERCENT, (1, 7.5), (0.05, 0.9), floor=0, decimals=2,
       daily=0),
    _t("economy", "exchange rate, EUR/USD", _units(None), (0.8, 1.5), (0.005, 0.07), floor=0.1, decimals=4, daily=0),
    _t("economy", "crude oil price, oil price", _units("$/barrel", "USD/barrel"), (25, 110), (1, 14), floor=5,
       decimals=2, daily=0),
    _t("economy", "housing starts, building permits", _units("thousand"), (500, 1900), (20, 180), floor=0, decimals=0,
       daily=0),
    _t("economy", "industrial production, production index", _units("index", None), (85, 125), (0.4, 6), floor=1,
       daily=0),
    _t("economy", "stock price, share price, closing price", _units("USD", "EUR", None), (8, 600), (0.5, 50), floor=0.5,
       decimals=2, form="noisy", daily=0),
)  # fmt: skip
