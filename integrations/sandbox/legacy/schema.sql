-- The 22 tables of the old models and the table of Flask-Migrate, as SQLAlchemy makes them: no defaults but the
-- sequences, timestamps without a precision, no index besides those of keys (customer/old_schema.json).

CREATE TABLE users (
    id SERIAL NOT NULL,
    username VARCHAR(64) NOT NULL,
    email VARCHAR(120) NOT NULL,
    password_hash VARCHAR(256),
    is_admin BOOLEAN NOT NULL,
    notification_preferences JSON,
    auth_provider VARCHAR(50),
    auth_provider_id VARCHAR(255),
    CONSTRAINT users_pkey PRIMARY KEY (id)
);

CREATE TABLE households (
    id SERIAL NOT NULL,
    name VARCHAR(150) NOT NULL,
    primary_email VARCHAR(120),
    primary_phone VARCHAR(50),
    address_line1 VARCHAR(200),
    address_line2 VARCHAR(200),
    city VARCHAR(100),
    state VARCHAR(100),
    postal_code VARCHAR(20),
    notes TEXT,
    created_at TIMESTAMP,
    CONSTRAINT households_pkey PRIMARY KEY (id)
);

CREATE TABLE members (
    id SERIAL NOT NULL,
    first_name VARCHAR(100) NOT NULL,
    last_name VARCHAR(100),
    email VARCHAR(120) NOT NULL,
    phone VARCHAR(50),
    birth_date DATE,
    gender VARCHAR(20),
    marital_status VARCHAR(50),
    membership_status VARCHAR(50),
    assimilation_stage VARCHAR(100),
    campus VARCHAR(120),
    milestones JSON,
    notes TEXT,
    preferred_contact_method VARCHAR(50),
    joined_at DATE,
    last_interaction_at TIMESTAMP,
    next_follow_up_date TIMESTAMP,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    user_id INTEGER,
    household_id INTEGER,
    CONSTRAINT members_pkey PRIMARY KEY (id)
);

CREATE TABLE care_interactions (
    id SERIAL NOT NULL,
    member_id INTEGER NOT NULL,
    interaction_type VARCHAR(50) NOT NULL,
    interaction_date TIMESTAMP NOT NULL,
    notes TEXT,
    follow_up_required BOOLEAN,
    follow_up_date TIMESTAMP,
    created_by_id INTEGER,
    source VARCHAR(100),
    extra_data JSON,
    created_at TIMESTAMP,
    CONSTRAINT care_interactions_pkey PRIMARY KEY (id)
);

CREATE TABLE prayer_requests (
    id SERIAL NOT NULL,
    name VARCHAR(100) NOT NULL,
    email VARCHAR(120) NOT NULL,
    request TEXT NOT NULL,
    created_at TIMESTAMP,
    is_public BOOLEAN,
    CONSTRAINT prayer_requests_pkey PRIMARY KEY (id)
);

CREATE TABLE ministry_departments (
    id SERIAL NOT NULL,
    name VARCHAR(150) NOT NULL,
    description TEXT,
    lead_id INTEGER,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    CONSTRAINT ministry_departments_pkey PRIMARY KEY (id)
);

CREATE TABLE volunteer_roles (
    id SERIAL NOT NULL,
    department_id INTEGER NOT NULL,
    name VARCHAR(150) NOT NULL,
    description TEXT,
    coordinator_id INTEGER,
    needed_volunteers INTEGER,
    is_active BOOLEAN,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    CONSTRAINT volunteer_roles_pkey PRIMARY KEY (id)
);

CREATE TABLE volunteer_assignments (
    id SERIAL NOT NULL,
    role_id INTEGER NOT NULL,
    volunteer_id INTEGER NOT NULL,
    event_id INTEGER,
    start_date DATE,
    end_date DATE,
    notes TEXT,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    CONSTRAINT volunteer_assignments_pkey PRIMARY KEY (id)
);

CREATE TABLE events (
    id SERIAL NOT NULL,
    title VARCHAR(200) NOT NULL,
    description TEXT,
    start_date TIMESTAMP NOT NULL,
    end_date TIMESTAMP NOT NULL,
    location VARCHAR(200),
    campus VARCHAR(120),
    recurrence_rule VARCHAR(255),
    recurrence_end_date TIMESTAMP,
    service_segments JSON,
    ministry_tags JSON,
    department_id INTEGER,
    volunteer_role_id INTEGER,
    CONSTRAINT events_pkey PRIMARY KEY (id)
);

CREATE TABLE sermons (
    id SERIAL NOT NULL,
    title VARCHAR(200) NOT NULL,
    description TEXT,
    preacher VARCHAR(100),
    date TIMESTAMP,
    media_url VARCHAR(500),
    media_type VARCHAR(20),
    CONSTRAINT sermons_pkey PRIMARY KEY (id)
);

CREATE TABLE gallery (
    id SERIAL NOT NULL,
    title VARCHAR(200),
    image_url VARCHAR(500) NOT NULL,
    description TEXT,
    created_at TIMESTAMP,
    CONSTRAINT gallery_pkey PRIMARY KEY (id)
);

CREATE TABLE churches (
    id SERIAL NOT NULL,
    name VARCHAR(200) NOT NULL,
    address VARCHAR(200),
    created_at TIMESTAMP,
    CONSTRAINT churches_pkey PRIMARY KEY (id)
);

CREATE TABLE donations (
    id SERIAL NOT NULL,
    email VARCHAR(120) NOT NULL,
    amount NUMERIC(10, 2) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    reference VARCHAR(100),
    status VARCHAR(20),
    payment_method VARCHAR(20) NOT NULL,
    transaction_id VARCHAR(100),
    error_message TEXT,
    payment_info JSON,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    CONSTRAINT donations_pkey PRIMARY KEY (id)
);

CREATE TABLE service_integrations (
    id SERIAL NOT NULL,
    service VARCHAR(50) NOT NULL,
    provider VARCHAR(50) NOT NULL,
    display_name VARCHAR(100) NOT NULL,
    config JSON,
    is_active BOOLEAN NOT NULL,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    CONSTRAINT service_integrations_pkey PRIMARY KEY (id)
);

CREATE TABLE settings (
    id SERIAL NOT NULL,
    business_name VARCHAR(200) NOT NULL,
    logo_url VARCHAR(500),
    theme_preference VARCHAR(20),
    addresses JSON,
    social_media_links JSON,
    contact_info JSON,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    CONSTRAINT settings_pkey PRIMARY KEY (id)
);

CREATE TABLE automations (
    id SERIAL NOT NULL,
    name VARCHAR(150) NOT NULL,
    trigger VARCHAR(120) NOT NULL,
    description TEXT,
    is_active BOOLEAN,
    default_channel VARCHAR(50),
    target_department VARCHAR(120),
    trigger_filters JSON,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    CONSTRAINT automations_pkey PRIMARY KEY (id)
);

CREATE TABLE automation_steps (
    id SERIAL NOT NULL,
    automation_id INTEGER NOT NULL,
    title VARCHAR(150),
    action_type VARCHAR(50) NOT NULL,
    channel VARCHAR(50),
    department VARCHAR(120),
    "order" INTEGER,
    delay_minutes INTEGER,
    config JSON,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    CONSTRAINT automation_steps_pkey PRIMARY KEY (id)
);

CREATE TABLE facilities (
    id SERIAL NOT NULL,
    name VARCHAR(150) NOT NULL,
    location VARCHAR(200),
    capacity INTEGER NOT NULL,
    description TEXT,
    is_active BOOLEAN,
    CONSTRAINT facilities_pkey PRIMARY KEY (id)
);

CREATE TABLE resources (
    id SERIAL NOT NULL,
    name VARCHAR(150) NOT NULL,
    category VARCHAR(100),
    quantity_available INTEGER NOT NULL,
    description TEXT,
    facility_id INTEGER,
    is_active BOOLEAN,
    CONSTRAINT resources_pkey PRIMARY KEY (id)
);

CREATE TABLE facility_reservations (
    id SERIAL NOT NULL,
    event_id INTEGER NOT NULL,
    facility_id INTEGER NOT NULL,
    ministry_name VARCHAR(150) NOT NULL,
    start_time TIMESTAMP NOT NULL,
    end_time TIMESTAMP NOT NULL,
    status VARCHAR(40) NOT NULL,
    CONSTRAINT facility_reservations_pkey PRIMARY KEY (id)
);

CREATE TABLE resource_allocations (
    id SERIAL NOT NULL,
    reservation_id INTEGER NOT NULL,
    resource_id INTEGER NOT NULL,
    quantity_requested INTEGER NOT NULL,
    quantity_approved INTEGER,
    notes TEXT,
    CONSTRAINT resource_allocations_pkey PRIMARY KEY (id)
);

CREATE TABLE attendance_records (
    id SERIAL NOT NULL,
    event_id INTEGER NOT NULL,
    role_id INTEGER,
    volunteer_id INTEGER,
    check_in_time TIMESTAMP,
    expected_attendees INTEGER,
    checked_in_count INTEGER NOT NULL,
    notes TEXT,
    CONSTRAINT attendance_records_pkey PRIMARY KEY (id)
);

-- One row: the revision that Flask-Migrate has reached.
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkey PRIMARY KEY (version_num)
);
