-- The old side as SQLAlchemy made it: 22 tables, what Python defaults nullable and without a default here.

CREATE TABLE churches (
    id SERIAL PRIMARY KEY,
    name VARCHAR(150) NOT NULL,
    address VARCHAR(255),
    created_at TIMESTAMP(6)
);

CREATE TABLE users (
    id SERIAL PRIMARY KEY,
    email VARCHAR(120) NOT NULL,
    password_hash VARCHAR(255),
    name VARCHAR(150) NOT NULL,
    phone VARCHAR(40),
    is_admin BOOLEAN,
    is_active BOOLEAN,
    notification_preference JSON,
    church_id INTEGER,
    last_login_at TIMESTAMP(6),
    created_at TIMESTAMP(6),
    updated_at TIMESTAMP(6)
);

CREATE TABLE households (
    id SERIAL PRIMARY KEY,
    church_id INTEGER,
    name VARCHAR(150) NOT NULL,
    address VARCHAR(255),
    phone VARCHAR(40),
    created_at TIMESTAMP(6),
    updated_at TIMESTAMP(6)
);

CREATE TABLE members (
    id SERIAL PRIMARY KEY,
    user_id INTEGER,
    household_id INTEGER,
    first_name VARCHAR(80) NOT NULL,
    last_name VARCHAR(80) NOT NULL,
    email VARCHAR(120),
    phone VARCHAR(40),
    status VARCHAR(20),
    birth_date DATE,
    milestones JSON,
    is_baptised BOOLEAN,
    joined_at TIMESTAMP(6),
    created_at TIMESTAMP(6),
    updated_at TIMESTAMP(6)
);

CREATE TABLE care_interactions (
    id SERIAL PRIMARY KEY,
    member_id INTEGER NOT NULL,
    staff_id INTEGER,
    interaction_type VARCHAR(30),
    notes TEXT,
    follow_up_required BOOLEAN,
    details JSON,
    interaction_date TIMESTAMP(6),
    created_at TIMESTAMP(6)
);

CREATE TABLE prayer_requests (
    id SERIAL PRIMARY KEY,
    user_id INTEGER,
    name VARCHAR(120) NOT NULL,
    email VARCHAR(120),
    request TEXT NOT NULL,
    is_public BOOLEAN,
    is_answered BOOLEAN,
    tags JSON,
    created_at TIMESTAMP(6),
    updated_at TIMESTAMP(6)
);

CREATE TABLE ministry_departments (
    id SERIAL PRIMARY KEY,
    church_id INTEGER,
    name VARCHAR(120) NOT NULL,
    description TEXT,
    lead_id INTEGER,
    settings JSON,
    created_at TIMESTAMP(6),
    updated_at TIMESTAMP(6)
);

CREATE TABLE volunteer_roles (
    id SERIAL PRIMARY KEY,
    department_id INTEGER NOT NULL,
    title VARCHAR(120) NOT NULL,
    description TEXT,
    requirements JSON,
    capacity INTEGER,
    is_active BOOLEAN,
    created_at TIMESTAMP(6)
);

CREATE TABLE volunteer_assignments (
    id SERIAL PRIMARY KEY,
    role_id INTEGER NOT NULL,
    member_id INTEGER NOT NULL,
    status VARCHAR(20),
    hours NUMERIC(10, 2),
    notes TEXT,
    starts_at TIMESTAMP(6),
    ends_at TIMESTAMP(6),
    created_at TIMESTAMP(6)
);

CREATE TABLE events (
    id SERIAL PRIMARY KEY,
    church_id INTEGER,
    department_id INTEGER,
    title VARCHAR(200) NOT NULL,
    description TEXT,
    location VARCHAR(200),
    starts_at TIMESTAMP(6),
    ends_at TIMESTAMP(6),
    recurrence_rule VARCHAR(120),
    segments JSON,
    is_public BOOLEAN
);

CREATE TABLE sermons (
    id SERIAL PRIMARY KEY,
    title VARCHAR(200) NOT NULL,
    preacher VARCHAR(120) NOT NULL,
    description TEXT,
    preached_at TIMESTAMP(6),
    media_url VARCHAR(255),
    media_type VARCHAR(20),
    tags JSON,
    created_at TIMESTAMP(6)
);

CREATE TABLE gallery (
    id SERIAL PRIMARY KEY,
    title VARCHAR(200) NOT NULL,
    image_url VARCHAR(255) NOT NULL,
    album VARCHAR(120),
    caption VARCHAR(255),
    details JSON,
    is_featured BOOLEAN,
    created_at TIMESTAMP(6)
);

-- Here amounts are counted per currency and status: both were always written.
CREATE TABLE donations (
    id SERIAL PRIMARY KEY,
    user_id INTEGER,
    church_id INTEGER,
    donor_name VARCHAR(150),
    donor_email VARCHAR(120),
    amount NUMERIC(10, 2) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    status VARCHAR(20) NOT NULL,
    provider VARCHAR(30),
    reference VARCHAR(100) NOT NULL,
    payment_info JSON,
    is_anonymous BOOLEAN,
    message TEXT,
    created_at TIMESTAMP(6),
    updated_at TIMESTAMP(6)
);

CREATE TABLE service_integrations (
    id SERIAL PRIMARY KEY,
    service VARCHAR(60) NOT NULL,
    config JSON,
    is_enabled BOOLEAN,
    last_sync_at TIMESTAMP(6),
    created_at TIMESTAMP(6)
);

CREATE TABLE settings (
    id SERIAL PRIMARY KEY,
    business_name VARCHAR(150),
    contact_email VARCHAR(120),
    default_currency VARCHAR(3),
    theme JSON,
    social_links JSON,
    maintenance BOOLEAN,
    updated_at TIMESTAMP(6)
);

CREATE TABLE automations (
    id SERIAL PRIMARY KEY,
    name VARCHAR(150) NOT NULL,
    description TEXT,
    trigger VARCHAR(60) NOT NULL,
    trigger_filters JSON,
    default_channel VARCHAR(20),
    is_active BOOLEAN,
    created_by INTEGER,
    created_at TIMESTAMP(6)
);

CREATE TABLE automation_steps (
    id SERIAL PRIMARY KEY,
    automation_id INTEGER NOT NULL,
    title VARCHAR(150),
    action_type VARCHAR(60) NOT NULL,
    channel VARCHAR(20),
    position INTEGER,
    delay_minutes INTEGER,
    config JSON
);

CREATE TABLE facilities (
    id SERIAL PRIMARY KEY,
    church_id INTEGER,
    name VARCHAR(150) NOT NULL,
    location VARCHAR(200),
    capacity INTEGER,
    amenities JSON,
    is_active BOOLEAN,
    created_at TIMESTAMP(6)
);

CREATE TABLE resources (
    id SERIAL PRIMARY KEY,
    facility_id INTEGER,
    name VARCHAR(150) NOT NULL,
    category VARCHAR(60),
    quantity INTEGER,
    attributes JSON,
    is_available BOOLEAN,
    created_at TIMESTAMP(6)
);

CREATE TABLE facility_reservations (
    id SERIAL PRIMARY KEY,
    facility_id INTEGER NOT NULL,
    event_id INTEGER,
    requested_by INTEGER,
    title VARCHAR(200) NOT NULL,
    status VARCHAR(20),
    starts_at TIMESTAMP(6) NOT NULL,
    ends_at TIMESTAMP(6) NOT NULL,
    details JSON,
    created_at TIMESTAMP(6)
);

CREATE TABLE resource_allocations (
    id SERIAL PRIMARY KEY,
    reservation_id INTEGER NOT NULL,
    resource_id INTEGER NOT NULL,
    quantity INTEGER,
    notes VARCHAR(255),
    created_at TIMESTAMP(6)
);

CREATE TABLE attendance_records (
    id SERIAL PRIMARY KEY,
    event_id INTEGER NOT NULL,
    member_id INTEGER,
    source VARCHAR(30),
    is_first_time BOOLEAN,
    context JSON,
    checked_in_at TIMESTAMP(6)
);
